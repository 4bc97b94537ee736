// What the configuration means for each part of the appliance: its own settings struct. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/fill/pass_through.h"
#include "proxy/upstream/registry_client.h"
#include "routes/access/hosts.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/registry_name.h"
#include "routes/ops/admin.h"
#include "routes/registry/private_registry.h"
#include "routes/router.h"
#include "store/store.h"

namespace breakwater::conf {

store::StoreSettings store_settings(const Config& config);
proxy::PassThroughSettings pass_through_settings(const Config& config);
// Who answers for which registry, by ?ns=.
routes::RegistryNames registry_names(const Config& config);

// `route` is a mirror.
routes::MirrorSettings mirror_settings(const RouteConfig& route);
// Of one of the registries of a route that mirrors any; `registry` is in normal form.
routes::MirrorSettings any_mirror_settings(const std::string& route, const AnyConfig& any,
                                           const std::string& registry);
// Of its upstreams, in the order in which they are asked.
std::vector<proxy::RegistryClientSettings> any_upstream_settings(const std::string& route,
                                                                 const AnyConfig& any,
                                                                 const std::string& registry);
// `route` is a registry.
routes::PrivateRegistrySettings registry_settings(const Config& config, const RouteConfig& route);
// Null if nothing has to be signed. Of a route that mirrors any registry, its mirrors share it.
routes::SharedSignaturePolicy signature_policy(const RouteConfig& route);
routes::RouteAccess access_of(const RouteConfig& route);
routes::RouterSettings router_settings(const Config& config, const RouteConfig& route);
routes::HostSettings host_settings(const Config& config);
routes::AdminSettings admin_settings(const Config& config);

}  // namespace breakwater::conf
