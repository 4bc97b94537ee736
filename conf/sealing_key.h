// The key by which what /token and the page give out is known again (routes/access/seal.h). It is made once
// for a data folder, is in no backup of it, and can be removed: then everybody logs in again.
#pragma once

#include <filesystem>

#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/base/secret.h"

namespace breakwater::conf {

// Reads <data>/sealing-key, or makes it. May block.
[[nodiscard]] Result<store::Secret> sealing_key(store::Disk& disk, const std::filesystem::path& data);

}  // namespace breakwater::conf
