// Any target is parsed or refused; what is accepted obeys the grammar, and written again it means the same.
#include "routes/oci/oci_path.h"

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
  const auto path = parse_oci_path({reinterpret_cast<const char*>(data), size});
  if (!path) return 0;
  require(path->name.empty() || is_oci_name(path->name));
  require(path->tag.empty() || is_oci_tag(path->tag));
  require(path->query.tags.size() <= kTagParametersMax);
  if (path->kind != OciPath::Kind::manifest) return 0;
  require(path->tag.empty() == path->digest.has_value());
  const auto again = parse_oci_path("/v2/" + path->name + "/manifests/" + path->reference());
  require(again && again->kind == path->kind && again->name == path->name &&
          again->reference() == path->reference());
  return 0;
}
