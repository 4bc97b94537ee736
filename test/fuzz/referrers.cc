// Any bytes are read as upstream's index of referrers or refused as corrupt. What was read is an index that
// reads the same, alone and as one page of several.
#include "routes/oci/referrers_filter.h"

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
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto all = filter_referrers(text, "");
  const auto joined = join_referrers({text, text});
  require(all.has_value() == joined.has_value());
  if (!all) {
    require(all.error().kind == breakwater::Error::Kind::corrupt);
    return 0;
  }
  const auto again = filter_referrers(*all, "");
  require(again && *again == *all);
  require(filter_referrers(*joined, "application/vnd.example").has_value());
  return 0;
}
