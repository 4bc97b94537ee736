// Access tokens (store/access/access_tokens.h) as JSON: what there is, a new one, and one that is revoked.
//
//   {"tokens_max": 1000,
//    "tokens": [{"name": "ci-cache", "standing": "valid", "may": ["pull", "push"],
//                "repositories": ["cache/*"], "created_at": "2026-01-01T00:00:00Z", "made_by": "uid 0",
//                "expires_at": "…", "last_used_at": "…", "revoked_at": "…"}]}
//   {"name": "ci-cache", "dry_run": false, "may": […], "repositories": […], "created_at", "made_by",
//    "expires_at", "token": "bwt_…", "words": "…"}
//   {"name": "ci-cache", "dry_run": false, "changed": true, "words": "revoked: …"}
//
// `standing`: "valid", "expired" or "revoked". A time that is not known or does not come is absent. `token`
// is the text, which nobody can be shown again; a dry run has none. `changed` is false if it was so already.
//
// All may block.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "store/access/access_tokens.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

nlohmann::ordered_json tokens(store::Store& store);
// As AccessTokens::plan() and AccessTokens::create().
[[nodiscard]] Result<nlohmann::ordered_json> plan_create_token(store::Store& store,
                                                               const store::AccessTokens::Wish& wish);
[[nodiscard]] Result<nlohmann::ordered_json> create_token(store::Store& store,
                                                          const store::AccessTokens::Wish& wish);
// As AccessTokens::revoke().
[[nodiscard]] Result<nlohmann::ordered_json> plan_revoke_token(store::Store& store, const std::string& name);
[[nodiscard]] Result<nlohmann::ordered_json> revoke_token(store::Store& store, const std::string& name);

}  // namespace breakwater::routes
