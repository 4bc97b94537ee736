// Which repositories of a route serve only what is signed, and by which keys. A value; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "routes/signatures/signature_key.h"

namespace breakwater::routes {

struct SignatureRule {
  // Of names as the store has them; `*` stands for any characters.
  std::vector<std::string> repositories;
  std::vector<std::string> key_files;  // whose keys these are
  std::vector<SignatureKey> keys;      // any of them is enough; at least one
};

using SignaturePolicy = std::vector<SignatureRule>;
using SharedSignaturePolicy = std::shared_ptr<const SignaturePolicy>;  // null: nothing has to be signed

// The first rule that covers the repository; null if none does. It lives as long as the policy.
const SignatureRule* rule_for(const SharedSignaturePolicy& policy, const std::string& repository);

// The pattern of the rule that covers it, as an operator finds it in the configuration.
std::string pattern_for(const SignatureRule& rule, const std::string& repository);

}  // namespace breakwater::routes
