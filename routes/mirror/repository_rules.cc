#include "routes/mirror/repository_rules.h"

#include <algorithm>
#include <span>

#include "store/references/retention.h"

namespace breakwater::routes {

std::optional<std::string> refusal_of(const RepositoryRules& rules, const std::string& route,
                                      const std::string& repository) {
  const std::string refused = "route " + route + " does not serve " + repository + ": ";
  const auto denying = std::find_if(rules.deny.begin(), rules.deny.end(), [&](const std::string& pattern) {
    return store::matches_any(std::span(&pattern, 1), repository);
  });
  if (denying != rules.deny.end())
    return refused + "its rule \"repositories.deny\": \"" + *denying +
           "\" refuses it; ask whoever runs this mirror";
  if (store::matches_any(rules.allow, repository)) return std::nullopt;
  return refused + "\"repositories.allow\" has no pattern that matches; ask whoever runs this mirror";
}

}  // namespace breakwater::routes
