// `breakwater verify`: checks what the scrub checks (store/upkeep/scrub.h), at full speed, while no process
// serves the folder. Nothing is changed.
#pragma once

#include <iosfwd>

#include "conf/config.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::conf {

// Writes to `out` a line for each broken thing, with the tags that cannot be pulled whole because of it, and
// a summary. Returns whether nothing is broken. `conflict` while a server holds the folder, which scrubs by
// itself; `not_found` if there is no folder.
[[nodiscard]] Result<bool> verify(const Config& config, store::Disk& disk, std::ostream& out);

}  // namespace breakwater::conf
