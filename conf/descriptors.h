// How many descriptors the process may have open, and what each part of it may keep open of them. The shares
// add up to less than the limit, so that no part can take what another needs: many clients do not keep the
// catalog from opening a table, and neither keeps /livez from answering.
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/base/result.h"

namespace breakwater::conf {

struct DescriptorShares {
  // Connections of the clients of all routes together. Each may have a file open beside, a blob's or an
  // upload's.
  size_t clients = 0;
  size_t blobs = 0;     // files of blobs that nobody reads just now
  size_t uploads = 0;   // files of upload sessions that no request works on
  size_t fills = 0;     // downloads at once, each into a file
  size_t upstream = 0;  // connections to upstream, those of the fills among them
  size_t admin = 0;     // connections of who looks at the page
  int catalog = -1;     // files that RocksDB keeps open; -1: all of them
};

// Of `limit` descriptors, with `listeners` listening sockets: a reserve for what has no share (the log, the
// loop, folders and files that are open for a moment, RocksDB's log, health, metrics and control) is taken
// off first. `invalid`, with a sentence for the operator, if there are too few to work at all.
[[nodiscard]] Result<DescriptorShares> share_descriptors(uint64_t limit, size_t listeners);

// Raises the soft limit to the hard one, because the usual soft limit is 1024. The limit from now on.
uint64_t raise_descriptor_limit();

// Makes the kernel's table of this process's descriptors as long as `limit`, or kTableMax, wants it. It grows
// by itself, but whoever opens the descriptor that it is too short for, the loop that accepts say, then waits
// for all other threads of the process, some 10 ms each time and far more on a busy machine. So this is
// called before there are any.
inline constexpr uint64_t kTableMax = 65'536;
void reserve_descriptor_table(uint64_t limit);

}  // namespace breakwater::conf
