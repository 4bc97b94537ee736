#include "routes/access/oidc_entry.h"

#include <string_view>

#include "proxy/http/ip_address.h"
#include "proxy/http/url.h"
#include "proxy/upstream/ca_file.h"
#include "routes/access/access.h"

namespace breakwater::routes {
namespace {

bool is_on_loopback(const proxy::Url& url) {
  static const Networks kLoopback = Networks::loopback();
  if (url.host() == "localhost") return true;
  const auto address = proxy::IpAddress::parse(url.host());
  if (!address) return false;
  proxy::Peer peer;
  peer.address = address->bytes();
  return kLoopback.allows(peer);
}

// The issuer as Jwt::name() has it, by which rules and logs know its jobs.
std::string_view place_of(std::string_view issuer) {
  if (const size_t slashes = issuer.find("://"); slashes != std::string_view::npos)
    issuer.remove_prefix(slashes + 3);
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  return issuer;
}

Result<> check_one(const OidcEntry& entry) {
  const auto wrong = [&entry](const std::string& why) {
    return failure(Error::Kind::invalid, "the issuer '" + entry.issuer + "' of oidc " + why);
  };
  const auto url = proxy::Url::parse(entry.issuer);
  if (!url) return wrong("is no URL: " + url.error().message);
  if (url->has_query() || entry.issuer.find_first_of("?#") != std::string::npos)
    return wrong("has a query or a fragment; write it as tokens have it in iss");
  if (!url->secure() && entry.jwks_file.empty() && !is_on_loopback(*url))
    return wrong("is not https, so anybody could answer with keys; give its jwks_file");
  if (entry.audience.empty()) return wrong("needs an audience, or tokens made for others would be taken");
  for (const auto& claim : entry.claims)
    if (claim.claim.empty() || claim.patterns.empty()) return wrong("has a claim without name or pattern");
  return entry.ca_file.empty() ? Result<>() : proxy::check_ca_file(entry.ca_file);
}

}  // namespace

Result<> check_oidc(std::span<const OidcEntry> entries) {
  for (const OidcEntry& entry : entries)
    if (auto one = check_one(entry); !one) return one;
  for (const OidcEntry& entry : entries) {
    for (const OidcEntry& other : entries) {
      if (place_of(other.issuer) != place_of(entry.issuer)) continue;
      if (other.issuer != entry.issuer)
        return failure(Error::Kind::invalid, "the issuers '" + entry.issuer + "' and '" + other.issuer +
                                                 "' of oidc are one by name; write both in one way");
      if (other.jwks_file != entry.jwks_file || other.ca_file != entry.ca_file)
        return failure(Error::Kind::invalid, "the issuer '" + entry.issuer +
                                                 "' of oidc has two jwks_files or ca_files; give each entry "
                                                 "of it the same");
    }
  }
  return {};
}

}  // namespace breakwater::routes
