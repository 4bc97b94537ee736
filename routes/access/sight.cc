#include "routes/access/sight.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace breakwater::routes {

struct Sight::Of {
  struct Route {
    std::shared_ptr<const RouteAccess> access;
    std::optional<Identity> identity;
  };
  proxy::Peer peer;
  std::map<std::string, Route> routes;  // by name
};

Sight::Sight(const proxy::Peer& peer, const Identity* identity,
             const std::vector<std::shared_ptr<const RouteAccess>>& routes) {
  const bool is_by_rules = identity == nullptr || (!identity->grant && !identity->scopes);
  const bool has_rules =
      std::any_of(routes.begin(), routes.end(), [](const auto& route) { return route->rules.has_value(); });
  if (is_by_rules && !has_rules) return;
  const Caller caller{peer, identity};
  if (std::all_of(routes.begin(), routes.end(),
                  [&](const auto& route) { return may_everywhere(caller, Action::pull, *route); }))
    return;
  auto of = std::make_shared<Of>();
  of->peer = peer;
  for (const auto& route : routes) {
    auto& known = of->routes[route->route];
    known.access = route;
    if (identity != nullptr) known.identity = listing_for(*identity, route->route);
  }
  of_ = std::move(of);
}

bool Sight::sees(const std::string& route, const std::string& repository) const {
  return is_of_all() || (!repository.empty() && may_pull(route, repository));
}

bool Sight::sees_any(const std::string& route) const { return is_of_all() || may_pull(route, {}); }

bool Sight::may_pull(const std::string& route, const std::string& repository) const {
  const auto found = of_->routes.find(route);
  if (found == of_->routes.end()) return false;
  const auto& [access, identity] = found->second;
  const Caller caller{of_->peer, identity ? &*identity : nullptr};
  return authorize(caller, Action::pull, {*access, *access, repository}).verdict == Verdict::allowed;
}

}  // namespace breakwater::routes
