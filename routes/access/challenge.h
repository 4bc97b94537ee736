// What a 401 asks for (RFC 9110 11.6.1): a name and a password, or a token that /token gives for them. Pure;
// any thread.
//
// Clients take the challenge of GET /v2/ for all that they ask of a registry, and most do not ask again.
// Basic is understood by all, but one who has no password gives up at it. So where something may be done
// without a name, and more with one, the challenge is Bearer: whoever has no password gets a token all the
// same.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/exchange.h"

namespace breakwater::routes {

std::string basic_challenge(std::string_view route);
// `scope` is what the request would have needed, "" for nothing in particular; `lacks_scope`: it had a token
// that was not for this. The realm is where the client has reached us: "" if it has not said where that is.
std::string bearer_challenge(const proxy::Exchange& exchange, std::string_view route, std::string_view scope,
                             bool lacks_scope);

}  // namespace breakwater::routes
