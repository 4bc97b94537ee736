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

std::string path_of(size_t route) { return "routes[" + std::to_string(route) + "]"; }

}  // namespace

void check_names(const Config& config, std::vector<std::string>& errors) {
  Claims claims(errors);
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const auto& route = config.routes[i];
    if (!route.name.empty()) claims.claim("name", route.name, path_of(i) + ".name");
    if (route.mirror && !route.mirror->registry.empty())
      claims.claim("registry", route.mirror->registry, path_of(i) + ".mirror.registry");
    if (!route.registry) continue;
    for (const auto& name : route.registry->names)
      claims.claim("registry", name, path_of(i) + ".registry.names");
  }
}

void check_listeners(const Config& config, std::vector<std::string>& errors) {
  std::vector<std::pair<ListenAddress, std::string>> taken;  // address, path
  const auto check = [&](const std::vector<ListenAddress>& listen, const std::string& path) {
    for (const auto& address : listen) {
      for (const auto& [other, taken_by] : taken) {
        if (!address.collides_with(other)) continue;
        std::string error = path;
        error.append(": address \"").append(address.text()).append("\" is taken by ").append(taken_by);
        if (!(other == address)) error.append(" (\"").append(other.text()).append("\")");
        errors.push_back(std::move(error));
        break;
      }
      taken.emplace_back(address, path);
    }
  };
  for (size_t i = 0; i < config.routes.size(); ++i) check(config.routes[i].listen, path_of(i) + ".listen");
  check(config.metrics.listen, "metrics.listen");
  check(config.admin.listen, "admin.listen");
}

}  // namespace breakwater::conf
