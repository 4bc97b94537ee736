#include "routes/mirror/registry_name.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {
namespace {

constexpr uint16_t kHttpsPort = 443;
constexpr const char* kDockerHub = "docker.io";
constexpr const char* kDockerHubApi = "registry-1.docker.io";

// Nothing if the text is no host and maybe a port.
std::optional<proxy::Endpoint> endpoint_of(std::string_view registry) {
  const auto endpoint = proxy::Endpoint::parse("https://" + std::string(registry));
  if (!endpoint || registry.ends_with('/')) return std::nullopt;
  return *endpoint;
}

}  // namespace

std::optional<std::string> normal_registry(std::string_view text) {
  const auto endpoint = endpoint_of(text);
  if (!endpoint) return std::nullopt;
  auto name = endpoint->authority();
  if (name == "index.docker.io" || name == kDockerHubApi) name = kDockerHub;
  return name;
}

proxy::Endpoint default_upstream(const std::string& registry) {
  return endpoint_of(registry == kDockerHub ? kDockerHubApi : registry).value();
}

std::string whole_name(std::string_view registry, std::string_view name) {
  const bool is_official = registry == kDockerHub && name.find('/') == std::string_view::npos;
  return (is_official ? "library/" : "") + std::string(name);
}

bool names_registry(const proxy::HostPattern& pattern, const std::string& registry) {
  const auto endpoint = endpoint_of(registry);
  return endpoint && pattern.matches(*endpoint) && (pattern.has_port() || endpoint->port == kHttpsPort);
}

std::optional<NamedRegistry> registry_named(const RegistryNames& names, std::string_view ns) {
  auto registry = normal_registry(ns);
  if (!registry) return std::nullopt;
  NamedRegistry named;
  named.registry = std::move(*registry);
  if (const auto found = names.routes.find(named.registry); found != names.routes.end()) {
    named.route = found->second;
    return named;
  }
  for (const auto& any : names.any) {
    const auto matches = [&named](const auto& pattern) { return names_registry(pattern, named.registry); };
    if (!std::any_of(any.registries.begin(), any.registries.end(), matches)) continue;
    named.route = any.route;
    named.by_any = true;
    named.by_name = std::any_of(any.registries.begin(), any.registries.end(), [&](const auto& pattern) {
      return matches(pattern) && pattern.text().find('*') == std::string::npos;
    });
    return named;
  }
  return std::nullopt;
}

}  // namespace breakwater::routes
