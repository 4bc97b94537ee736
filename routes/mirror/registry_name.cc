#include "routes/mirror/registry_name.h"

#include "proxy/http/url.h"

namespace breakwater::routes {

std::optional<std::string> normal_registry(std::string_view text) {
  const auto endpoint = proxy::Endpoint::parse("https://" + std::string(text));
  if (!endpoint || text.ends_with('/')) return std::nullopt;
  auto name = endpoint->authority();
  if (name == "index.docker.io" || name == "registry-1.docker.io") name = "docker.io";
  return name;
}

}  // namespace breakwater::routes
