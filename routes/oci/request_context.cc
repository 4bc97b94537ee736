#include "routes/oci/request_context.h"

namespace breakwater::routes {

std::string_view name_of(CacheResult result) {
  switch (result) {
    case CacheResult::none: break;
    case CacheResult::hit: return "hit";
    case CacheResult::miss: return "miss";
    case CacheResult::follow: return "follow";
    case CacheResult::stale: return "stale";
    case CacheResult::revalidated: return "revalidated";
    case CacheResult::pass: return "pass";
  }
  return "none";
}

proxy::Headers base_headers() {
  return {{"X-Content-Type-Options", "nosniff"}, {"Docker-Distribution-Api-Version", "registry/2.0"}};
}

proxy::Headers base_headers(const RequestContext& context) {
  auto headers = base_headers();
  if (!context.oci_namespace.empty()) headers.add("OCI-Namespace", context.oci_namespace);
  return headers;
}

}  // namespace breakwater::routes
