// What a start does before anything is served: it brings catalog, budget and files into step.
//
// After a clean stop the catalog is believed. After any other the names of the files are held against it: a
// record without its file goes; a file without a record was renamed into place, so it had been verified and
// synced, and is adopted. Only a small file is hashed again for that, which costs nothing beside the seek.
// Half a million names are a second's work, and one folder of them is in memory at a time; to ask each file
// for its size would take a spinning disk an hour, and whoever opens a blob asks (Files::open). Whether
// everything that is referred to is there is for the scrub to find out, which begins with that after such a
// stop: nobody waits for it.
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
