#include "store/references/route_rules.h"

#include <algorithm>
#include <span>
#include <utility>

namespace breakwater::store {

RouteRules::RouteRules(std::vector<std::string> mirrors, std::vector<std::string> configured,
                       Retention retention, Time::duration lease)
    : mirrors_(std::move(mirrors)),
      configured_(std::move(configured)),
      retention_(std::move(retention)),
      lease_(lease) {}

bool RouteRules::is_configured(const std::string& route) const {
  return std::find(configured_.begin(), configured_.end(), route) != configured_.end();
}

bool RouteRules::is_mirror(const std::string& route) const {
  return route.empty() || std::find(mirrors_.begin(), mirrors_.end(), route) != mirrors_.end();
}

const RetentionPolicy& RouteRules::policy_for(const RepositoryKey& repository) const {
  const auto policies = retention_.find(repository.route);
  const bool has_any = policies != retention_.end();
  return policy_of(
      has_any ? std::span<const RetentionPolicy>(policies->second) : std::span<const RetentionPolicy>(),
      repository.repository);
}

}  // namespace breakwater::store
