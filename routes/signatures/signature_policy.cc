#include "routes/signatures/signature_policy.h"

#include <algorithm>
#include <span>

#include "store/references/retention.h"

namespace breakwater::routes {

const SignatureRule* rule_for(const SharedSignaturePolicy& policy, const std::string& repository) {
  if (!policy) return nullptr;
  const auto found = std::find_if(policy->begin(), policy->end(), [&](const SignatureRule& rule) {
    return store::matches_any(rule.repositories, repository);
  });
  return found == policy->end() ? nullptr : &*found;
}

std::string pattern_for(const SignatureRule& rule, const std::string& repository) {
  const auto found = std::find_if(
      rule.repositories.begin(), rule.repositories.end(),
      [&](const std::string& pattern) { return store::matches_any(std::span(&pattern, 1), repository); });
  return found == rule.repositories.end() ? "" : *found;
}

}  // namespace breakwater::routes
