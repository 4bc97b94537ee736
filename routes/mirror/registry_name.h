// The registry that a client means, as `?ns=` and the settings name it, and the route that answers for it.
// Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/host_pattern.h"
#include "proxy/http/url.h"

namespace breakwater::routes {

// The name in the one form in which names are compared: "docker.io", "registry.lan:5050", "[fd00::1]:5000".
// Letters are lower case, port 443 is left out, and what Docker calls Docker Hub elsewhere (index.docker.io,
// registry-1.docker.io) is docker.io. Nothing if the text is no host and maybe a port.
std::optional<std::string> normal_registry(std::string_view text);

// Where a registry is asked if nothing else is said: "https://<name>", and Docker Hub at the host of its API.
// `registry` is in normal form.
proxy::Endpoint default_upstream(const std::string& registry);

// The whole name of a repository that clients of the registry call `name`: Docker Hub's official images are
// in library/.
std::string whole_name(std::string_view registry, std::string_view name);

// Whether the pattern names the registry, which is in normal form. Without a port it means port 443, as a
// registry's name does.
bool names_registry(const proxy::HostPattern& pattern, const std::string& registry);

// Who answers for which registry.
struct RegistryNames {
  // A route that mirrors registries as clients ask for them.
  struct Any {
    std::string route;
    std::vector<proxy::HostPattern> registries;
  };
  // By the registry's name in normal form: the route that is its mirror, or that is this registry itself.
  std::map<std::string, std::string> routes;
  std::vector<Any> any;  // the first one that names a registry counts
};

struct NamedRegistry {
  std::string registry;  // in normal form
  std::string route;
  bool by_any = false;   // whether the route is one of RegistryNames::any
  bool by_name = false;  // and its list has this very name, not only a pattern of such
};

// The registry that `ns` names, and its route: one of its own goes before any pattern. Nothing if no route
// answers for it, or if `ns` is no name.
std::optional<NamedRegistry> registry_named(const RegistryNames& names, std::string_view ns);

}  // namespace breakwater::routes
