// Keeps what is written elsewhere, or read from elsewhere, out of the data folder: a backup or an export in
// it would lie among the files of the store.
#pragma once

#include <filesystem>

#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::store {

// `conflict` if `other` is the data folder or something in it, whether it is there yet or not. Relative
// paths, symbolic links and bind mounts are seen through: folders are compared by device and inode. May
// block.
[[nodiscard]] Result<> check_outside(Disk& disk, const std::filesystem::path& data,
                                     const std::filesystem::path& other);

}  // namespace breakwater::store
