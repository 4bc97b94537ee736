// `breakwater verify`: what the scrub looks at (store/upkeep/scrub.h), at full speed, while nobody serves the
// folder. Nothing is changed.
#pragma once

#include <iosfwd>

#include "conf/config.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::conf {

// A line to `out` for each thing that is broken, with the tags that cannot be pulled whole for it, and one
// that sums up. Whether nothing is. `conflict` while a server holds the folder, which scrubs by itself;
// `not_found` if there is none.
[[nodiscard]] Result<bool> verify(const Config& config, store::Disk& disk, std::ostream& out);

}  // namespace breakwater::conf
