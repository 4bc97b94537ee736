#include "conf/collisions.h"

#include <cstddef>
#include <map>
#include <utility>

namespace breakwater::conf {
namespace {

// Reports two routes that want the same thing, as a mistake of the second one.
class Claims {
 public:
  explicit Claims(std::vector<std::string>& errors) : errors_(errors) {}
  void claim(const std::string& what, const std::string& value, const std::string& path) {
    auto [claimed, is_new] = by_.emplace(what + " " + value, path);
    if (!is_new) errors_.push_back(path + ": " + what + " \"" + value + "\" is taken by " + claimed->second);
  }

 private:
  std::vector<std::string>& errors_;
  std::map<std::string, std::string> by_;
};

void claim_addresses(Claims& claims, const std::vector<std::string>& listen, const std::string& path) {
  for (const auto& address : listen) {
    const auto port = address.substr(address.rfind(':') + 1);
    if (port == "0") continue;
    claims.claim("address", address, path + ".listen");
  }
}

// Reports listeners that collide because one of them takes the port on every address.
void check_wildcards(const Config& config, std::vector<std::string>& errors) {
  std::map<std::string, std::pair<std::string, std::string>> first;  // port: address, path
  const auto check = [&](const std::vector<std::string>& listen, const std::string& path) {
    for (const auto& address : listen) {
      const auto port = address.substr(address.rfind(':') + 1);
      if (port == "0") continue;
      auto [at, is_new] = first.emplace(port, std::pair(address, path));
      const auto wildcard = [](const std::string& text) {
        return text.starts_with("0.0.0.0:") || text.starts_with("[::]:");
      };
      if (!is_new && at->second.first != address && (wildcard(address) || wildcard(at->second.first))) {
        auto& error = errors.emplace_back(path);
        error.append(".listen: port ").append(port).append(" is taken by ").append(at->second.second);
        error.append(" (").append(at->second.first).append(")");
      }
    }
  };
  for (size_t i = 0; i < config.routes.size(); ++i)
    check(config.routes[i].listen, "routes[" + std::to_string(i) + "]");
  check(config.metrics.listen, "metrics");
}

}  // namespace

void check_collisions(const Config& config, std::vector<std::string>& errors) {
  Claims claims(errors);
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const auto& route = config.routes[i];
    const auto path = "routes[" + std::to_string(i) + "]";
    if (!route.name.empty()) claims.claim("name", route.name, path + ".name");
    if (route.mirror && !route.mirror->registry.empty())
      claims.claim("registry", route.mirror->registry, path + ".mirror.registry");
    claim_addresses(claims, route.listen, path);
  }
  claim_addresses(claims, config.metrics.listen, "metrics");
  check_wildcards(config, errors);
}

}  // namespace breakwater::conf
