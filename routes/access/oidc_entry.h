// What the configuration says of a CI system whose jobs may log in: "oidc" (oidc.h). A value; pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "routes/access/authorize.h"
#include "routes/access/jwt.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct OidcEntry {
  std::string issuer;    // as its tokens name it in `iss`, and where discovery begins
  std::string audience;  // that the job's token has to be made for
  std::vector<ClaimPattern> claims;
  Grant grant;
  std::string jwks_file = {};  // its keys; "": they are fetched
  std::string ca_file = {};    // by which its host is trusted; "": as all hosts are
};

// What is wrong with the entries, `invalid`, in words for whoever wrote them. Issuers are URLs: https, or
// where nobody can answer in their place, which is on loopback or with a jwks_file, http as well.
[[nodiscard]] Result<> check_oidc(std::span<const OidcEntry> entries);

}  // namespace breakwater::routes
