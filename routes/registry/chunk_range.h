// `Content-Range` of a chunk of an upload: "<first>-<last>", both included, without a unit (distribution
// specification, "Pushing a blob in chunks"). Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::routes {

struct ChunkRange {
  uint64_t first = 0;
  uint64_t last = 0;  // included; at least `first`

  uint64_t length() const { return last - first + 1; }
};

// `invalid` for anything else than "<first>-<last>" or HTTP's own form "bytes <first>-<last>/<size or *>",
// which some clients send.
[[nodiscard]] Result<ChunkRange> parse_chunk_range(std::string_view value);

}  // namespace breakwater::routes
