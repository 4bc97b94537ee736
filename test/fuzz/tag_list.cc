// Any bytes are read as upstream's list of tags or refused as corrupt or too large. What was read makes a
// list of ours that reads the same.
#include "routes/oci/tag_list.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::routes;
  const auto tags = parse_tag_list({reinterpret_cast<const char*>(data), size});
  if (!tags) {
    const auto kind = tags.error().kind;
    require(kind == breakwater::Error::Kind::corrupt || kind == breakwater::Error::Kind::too_large);
    return 0;
  }
  const auto again = parse_tag_list(tag_list_json("library/alpine", *tags));
  require(again && *again == *tags);
  return 0;
}
