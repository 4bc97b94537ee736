// Whatever is asked for lies within the blob, and never comes to more bytes than it has. The input's first
// two bytes are the blob's size.
#include "routes/oci/range.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::routes;
  if (size < 2) return 0;
  const uint64_t blob = static_cast<uint64_t>(data[0]) << 8 | data[1];
  const auto asked =
      requested_range({reinterpret_cast<const char*>(data) + 2, size - 2}, "", "\"tag\"", blob);
  uint64_t total = 0;
  for (const auto& range : asked.ranges) {
    require(range.length > 0 && range.first < blob && range.length <= blob - range.first);
    total += range.length;
  }
  require(total <= blob && asked.ranges.size() <= kRangesMax);
  require((asked.kind == RequestedRange::Kind::several) == (asked.ranges.size() > 1));
  require((asked.kind == RequestedRange::Kind::single) == (asked.ranges.size() == 1));
  if (asked.kind != RequestedRange::Kind::several) return 0;
  const Multipart parts(asked.ranges, blob, "a/b", "x");
  uint64_t length = parts.tail().size() + total;
  for (size_t part = 0; part < asked.ranges.size(); ++part) length += parts.head(part).size();
  require(length == parts.length());
  return 0;
}
