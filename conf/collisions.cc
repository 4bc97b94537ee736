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

void claim_addresses(Claims& claims, const std::vector<ListenAddress>& listen, const std::string& path) {
  for (const auto& address : listen) {
    if (address.port() != 0) claims.claim("address", address.text(), path + ".listen");
  }
}

// Reports listeners that collide because one of them takes the port on every address.
void check_wildcards(const Config& config, std::vector<std::string>& errors) {
  std::map<uint16_t, std::pair<ListenAddress, std::string>> first;  // port: address, path
  const auto check = [&](const std::vector<ListenAddress>& listen, const std::string& path) {
    for (const auto& address : listen) {
      if (address.port() == 0) continue;
      const auto found = first.emplace(address.port(), std::pair(address, path)).first;
      const auto& [other, taken_by] = found->second;
      if (other == address || (!address.is_wildcard() && !other.is_wildcard())) continue;
      auto& error = errors.emplace_back(path);
      error.append(".listen: port ").append(std::to_string(address.port()));
      error.append(" is taken by ").append(taken_by).append(" (").append(other.text()).append(")");
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
