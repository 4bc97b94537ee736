// `Content-Range` of a chunk of an upload: "<first>-<last>", both included, without a unit (distribution
// specification, "Pushing a blob in chunks"). Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::routes {

struct ChunkRange {
  uint64_t first = 0;
  uint64_t last = 0;  // not before first

  uint64_t length() const { return last - first + 1; }
};

// Also "bytes <first>-<last>/<size or *>" as HTTP writes it, which some clients send. `invalid` for anything
// else.
[[nodiscard]] Result<ChunkRange> parse_chunk_range(std::string_view value);

}  // namespace breakwater::routes
