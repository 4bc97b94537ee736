// The challenges of a WWW-Authenticate header (RFC 9110, section 11.6.1), and what a registry means by them.
// Pure; any thread.
//
//   // Bearer realm="https://auth.docker.io/token",service="registry.docker.io"
//   for (const Challenge& challenge : parse_challenges(header)) challenge.get("realm");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/http.h"

namespace breakwater::proxy {

struct Challenge {
  struct Parameter {
    std::string name;  // lower case
    std::string value;
  };
  std::string scheme;  // lower case: "bearer", "basic"
  std::vector<Parameter> parameters;

  // The first value of that name that is not empty, "" if there is none.
  std::string_view get(std::string_view name) const;
};

// The challenges of a header; commas may join several of them. A malformed challenge is left out, and those
// before it are kept.
std::vector<Challenge> parse_challenges(std::string_view header);
// Those of all WWW-Authenticate fields, each read by itself: a malformed one does not spoil the next.
std::vector<Challenge> challenges_of(const Headers& headers);

// The first challenge of that scheme, or null.
const Challenge* find_challenge(const std::vector<Challenge>& challenges, std::string_view scheme);

// Whether the scope is `repository:user/image:pull`. ghcr.io answers `/v2/` with it, and it names no real
// repository.
bool is_placeholder_scope(std::string_view scope);

// The URL to ask for a token: `realm`, with service and scope added to the query that it may have already. A
// scope that names several repositories, separated by spaces, becomes several parameters. What stands before
// the host (`user:password@`) and a fragment are left out.
std::string token_url(std::string_view realm, std::string_view service, std::string_view scope);

}  // namespace breakwater::proxy
