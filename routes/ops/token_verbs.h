// Access tokens as operations: their arguments, and their answers (token_list.h) in words.
//
//   tokens                                                              token list
//   create-token {"name", "may": "pull,push", "repositories": "cache/*", "expires": "90d"}
//                                                                       token create NAME --may pull,push …
//   revoke-token {"name"}                                               token revoke NAME
//
// All may block; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

[[nodiscard]] Result<Json> list_tokens(const StoreSide& side, const Arguments& arguments);
std::string tokens_words(const Json& answer);
[[nodiscard]] Result<Json> create_token(const StoreSide& side, const Arguments& arguments);
std::string token_created_words(const Json& answer);
[[nodiscard]] Result<Json> revoke_token(const StoreSide& side, const Arguments& arguments);
std::string token_revoked_words(const Json& answer);

}  // namespace breakwater::routes
