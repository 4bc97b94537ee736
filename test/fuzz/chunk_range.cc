// Whatever a client sends as Content-Range of a chunk is refused as invalid or is a range whose arithmetic
// cannot overflow, and that reads the same when it is written again.
#include "routes/registry/chunk_range.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::routes;
  const auto read = parse_chunk_range({reinterpret_cast<const char*>(data), size});
  if (!read) {
    require(read.error().kind == breakwater::Error::Kind::invalid && !read.error().message.empty());
    return 0;
  }
  require(read->first <= read->last && read->length() == read->last - read->first + 1 && read->length() > 0);
  require(read->last + 1 > read->last && read->last + read->length() > read->last);
  const auto written = std::to_string(read->first) + "-" + std::to_string(read->last);
  for (const auto& text : {written, "bytes " + written + "/*"}) {
    const auto again = parse_chunk_range(text);
    require(again && again->first == read->first && again->last == read->last);
  }
  return 0;
}
