// What a client asks of /token, in the words of the token specification of distribution:
//
//   GET /token?service=private&scope=repository:cache/app:pull,push&scope=repository:base:pull
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "routes/access/authorize.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr std::string_view kTokenPath = "/token";

// What a Bearer challenge says that a request would have needed: "repository:cache/app:pull,push".
std::string scope_text(Action action, std::string_view repository);

// The scopes of a query, for the route. What is no action of ours is left out, as the specification has it.
// `invalid` if there are more than Passes::kScopesMax, or if it is no query.
[[nodiscard]] Result<std::vector<Scope>> scopes_of_query(std::string_view query, const std::string& route);

}  // namespace breakwater::routes
