// Recovery brings catalog, budget and files into step at a start, before anything is served.
//
// After a clean stop the catalog is believed. After any other stop the names of all files are compared with
// the catalog. A record without a file is deleted. A file without a record is adopted: it was renamed into
// place, so it had been verified and synced. Only a file of at most a mebibyte is hashed again, which costs
// little more than opening it. In both cases the trash is emptied (a blob that the catalog still knows is
// restored), and the partials are counted.
//
// Half a million names take a second, and one folder of them is in memory at a time. To ask for each file's
// size would take an hour on a spinning disk, so Files::open() checks the size instead. Whether every
// referenced blob is there is left to the scrub, which checks that first, while clients are served.
#pragma once

#include <cstdint>

#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

class Blobs;
class IdlePartials;

// What was found and mended, for the log and tests.
struct Recovered {
  bool was_clean = false;
  uint64_t blobs = 0, bytes = 0, records_dropped = 0, files_adopted = 0, files_removed = 0, partials = 0;
};
// Once, before anything else uses the parts.
[[nodiscard]] Result<Recovered> recover(const Parts& parts, Blobs& blobs, IdlePartials& partials);

}  // namespace breakwater::store
