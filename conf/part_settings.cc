#include "conf/part_settings.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "conf/default_bound.h"

namespace breakwater::conf {
namespace {

// The longest lease of all registries holds for all, because a blob may be in several.
std::optional<int64_t> longest_lease_ms(const Config& config) {
  std::optional<int64_t> longest;
  for (const auto& route : config.routes) {
    if (route.registry) longest = std::max(longest.value_or(0), route.registry->lease_ms);
  }
  return longest;
}

// "route private, port 5050" for the first route of which that is true and that listens; "" for none.
template <typename IsIt>
std::string where(const Config& config, IsIt is_it) {
  const auto found = std::find_if(config.routes.begin(), config.routes.end(), [&](const RouteConfig& route) {
    return is_it(route) && !route.listen.empty();
  });
  if (found == config.routes.end()) return {};
  return "route " + found->name + ", port " + std::to_string(found->listen.front().port());
}

// For who pushes to a mirror.
std::string where_to_push(const Config& config) {
  return where(config, [](const RouteConfig& route) { return route.registry.has_value(); });
}

// For who asks a registry for what it would be called on Docker Hub.
std::string where_the_hub_is(const Config& config) {
  return where(
      config, [](const RouteConfig& route) { return route.mirror && route.mirror->registry == "docker.io"; });
}

}  // namespace

store::StoreSettings store_settings(const Config& config) {
  store::StoreSettings settings;
  settings.data = config.data;
  const auto bytes_max = config.bytes_max ? config.bytes_max : default_bound(config.data);
  if (bytes_max) settings.bytes_max = *bytes_max;
  for (const auto& route : config.routes) {
    if (route.bytes_max) settings.route_bytes_max[route.name] = *route.bytes_max;
    if (route.mirror || route.any) settings.mirror_routes.push_back(route.name);
    if (!route.registry) continue;
    settings.registry_routes.push_back(route.name);
    auto& policies = settings.retention[route.name] = route.registry->retention;
    policies.push_back(route.registry->policy);
  }
  if (const auto lease_ms = longest_lease_ms(config)) settings.lease = proxy::Millis(*lease_ms);
  return settings;
}

proxy::PassThroughSettings pass_through_settings(const Config& config) {
  proxy::PassThroughSettings settings;
  settings.retry = config.fills.retry;
  settings.silence_max_ms = config.fills.first_byte_wait_ms;
  return settings;
}

routes::RegistryNames registry_names(const Config& config) {
  routes::RegistryNames names;
  for (const auto& route : config.routes) {
    if (route.mirror) names.routes.emplace(route.mirror->registry, route.name);
    if (route.any) names.any.push_back({route.name, route.any->registries});
    if (!route.registry) continue;
    for (const auto& name : route.registry->names) names.routes.emplace(name, route.name);
  }
  return names;
}

routes::MirrorSettings mirror_settings(const RouteConfig& route) {
  routes::MirrorSettings settings;
  settings.route = route.name;
  settings.registry = route.mirror->registry;
  settings.freshness = route.mirror->freshness;
  settings.manifest_timeout_ms = route.mirror->manifest_timeout_ms;
  settings.repositories = route.mirror->repositories;
  settings.min_age_ms = route.mirror->min_age_ms;
  settings.require_signature = signature_policy(route);
  return settings;
}

routes::MirrorSettings any_mirror_settings(const std::string& route, const AnyConfig& any,
                                           const std::string& registry) {
  routes::MirrorSettings settings;
  settings.route = route;
  settings.registry = registry;
  settings.kept_under = registry + "/";
  settings.repositories = any.repositories;
  settings.min_age_ms = any.min_age_ms;
  settings.kept_list_bytes_max = 256 << 10;  // there may be many of them
  return settings;
}

std::vector<proxy::RegistryClientSettings> any_upstream_settings(const std::string& route,
                                                                 const AnyConfig& any,
                                                                 const std::string& registry) {
  proxy::RegistryClientSettings settings;
  settings.name = route;
  const auto named = any.upstreams.find(registry);
  // Whoever set the configuration may name an address of his own network; a client may not.
  settings.upstream_may_be_private = named != any.upstreams.end();
  settings.upstream = routes::default_upstream(registry);
  if (named == any.upstreams.end()) return {settings};
  std::vector<proxy::RegistryClientSettings> upstreams(named->second.size(), settings);
  for (size_t i = 0; i < upstreams.size(); ++i) upstreams[i].upstream = named->second[i];
  return upstreams;
}

routes::PrivateRegistrySettings registry_settings(const Config& config, const RouteConfig& route) {
  routes::PrivateRegistrySettings settings;
  settings.route = route.name;
  settings.hub_at = where_the_hub_is(config);
  settings.removal = route.registry->removal;
  settings.require_signature = signature_policy(route);
  settings.uploads.expiry_ms = route.registry->upload_expiry_ms;
  settings.uploads.uploads_max = route.registry->uploads_max;
  return settings;
}

routes::SharedSignaturePolicy signature_policy(const RouteConfig& route) {
  if (route.require_signature.empty()) return nullptr;
  return std::make_shared<const routes::SignaturePolicy>(route.require_signature);
}

routes::HostSettings host_settings(const Config& config) {
  routes::HostSettings settings;
  settings.named = config.hosts;
  settings.own = config.own_names;
  return settings;
}

routes::RouteAccess access_of(const RouteConfig& route) {
  routes::RouteAccess access;
  access.route = route.name;
  access.allow.networks = route.allow;
  if (route.registry) access.allow_change.networks = route.registry->allow_push;
  access.rules = route.access;
  return access;
}

routes::RouterSettings router_settings(const Config& config, const RouteConfig& route) {
  routes::RouterSettings settings(route.name, host_settings(config));
  settings.writable = route.registry.has_value();
  if (!settings.writable) settings.push_to = where_to_push(config);
  return settings;
}

routes::AdminSettings admin_settings(const Config& config) {
  routes::AdminSettings settings;
  settings.allow = config.admin.allow;
  settings.allow_act = config.admin.allow_admin;
  settings.access = config.admin.access;
  settings.hosts = host_settings(config);
  return settings;
}

}  // namespace breakwater::conf
