// What a WWW-Authenticate header asks for (RFC 9110, section 11.6.1), and what a registry means by it. Pure;
// any thread.
//
//   for (const Challenge& challenge : parse_challenges(R"(Bearer
//   realm="https://auth.docker.io/token",service="registry.docker.io")"))
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace breakwater::proxy {

struct Challenge {
  struct Parameter {
    std::string name;  // lower case
    std::string value;
  };
  std::string scheme;  // lower case: "bearer", "basic"
  std::vector<Parameter> parameters;

  std::string_view get(std::string_view name) const;  // "" if absent
};

// All challenges of a header, several of which may be joined by commas. What is malformed is left out, what
// came before it is kept.
std::vector<Challenge> parse_challenges(std::string_view header);

// The first of that scheme, or null.
const Challenge* find_challenge(const std::vector<Challenge>& challenges, std::string_view scheme);

// ghcr.io answers `/v2/` with a scope that names no repository of anybody: `repository:user/image:pull`.
bool is_placeholder_scope(std::string_view scope);

// The address to ask for a token: `realm` with service and scope added to whatever query it has.
std::string token_url(std::string_view realm, std::string_view service, std::string_view scope);

}  // namespace breakwater::proxy
