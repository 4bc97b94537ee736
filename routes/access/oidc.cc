#include "routes/access/oidc.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {
namespace {

tl::unexpected<Error> denied(const Jwt& jwt, const std::string& why) {
  return failure(Error::Kind::denied, jwt.in_words() + " " + why);
}

// What the token fits of an issuer's entries, or why none.
Result<const OidcEntry*> entry_for(const Jwt& jwt, const std::vector<OidcEntry>& entries) {
  const ClaimPattern* wrong = nullptr;
  for (const OidcEntry& entry : entries) {
    if (!jwt.is_for(entry.audience)) continue;
    const auto other = std::find_if(entry.claims.begin(), entry.claims.end(),
                                    [&jwt](const ClaimPattern& claim) { return !jwt.says(claim); });
    if (other == entry.claims.end()) return &entry;
    if (wrong == nullptr) wrong = &*other;
  }
  if (wrong != nullptr)
    return denied(jwt, "has the claim " + wrong->claim + " " + jwt.claim_in_words(wrong->claim) +
                           ", which oidc does not allow");
  return denied(jwt, "is made for the audience " + jwt.claim_in_words("aud") + ", and not for '" +
                         entries.front().audience + "'");
}

}  // namespace

struct Oidc::Issuer {
  Issuer(const IssuerKeys::Parts& parts, const OidcEntry& first, const IssuerKeysTiming& timing,
         std::function<void()> key_gone)
      : keys(parts, first.issuer, first.jwks_file, timing, std::move(key_gone)) {}
  std::vector<OidcEntry> entries;
  IssuerKeys keys;
};

Oidc::Oidc(const Parts& parts, const std::vector<OidcEntry>& entries, const OidcLimits& limits)
    : limits_(limits),
      workers_(parts.workers),
      clock_(parts.clock),
      remembered_(limits.remembered_max),
      checks_(parts.loop) {
  for (const OidcEntry& entry : entries) {
    auto& issuer = issuers_[entry.issuer];
    if (!issuer) {
      auto& own_client = http_clients_[entry.ca_file];
      if (!own_client && !entry.ca_file.empty()) {
        auto settings = parts.http_settings;
        settings.ca_file = entry.ca_file;
        own_client = std::make_unique<proxy::HttpClient>(parts.loop, settings);
      }
      auto& http_client = own_client ? *own_client : parts.http_client;
      const IssuerKeys::Parts keys_parts{parts.loop, parts.workers, http_client, parts.clock, parts.log};
      auto key_gone = [this, name = entry.issuer] { remembered_.remove_of(name); };
      issuer = std::make_unique<Issuer>(keys_parts, entry, limits.keys, std::move(key_gone));
    }
    issuer->entries.push_back(entry);
  }
}

Oidc::~Oidc() = default;

proxy::Task<Result<Identity>> Oidc::identify(std::string token, uint64_t client) {
  if (token.size() > Jwt::kBytesMax) co_return failure(Jwt::parse(token).error());
  const auto digest = store::digest_of(store::Algorithm::sha256, token);
  if (const Identity* known = remembered_.find(digest, clock_.now(), clock_.wall())) co_return *known;
  auto jwt = Jwt::parse(token);
  if (!jwt) co_return failure(jwt.error());
  const auto found = issuers_.find(jwt->issuer());
  if (found == issuers_.end()) co_return denied(*jwt, "is of an issuer that oidc does not name");
  if (auto timely = jwt->check_times(clock_.wall()); !timely) co_return failure(timely.error());

  Issuer& issuer = *found->second;
  auto keys = co_await issuer.keys.get(jwt->key_id(), jwt->algorithm());
  if (!keys) co_return failure(keys.error());
  const std::string flight = digest.hex();
  if (checks_.size() >= limits_.checks_max && !checks_.has(flight))
    co_return failure(Error::Kind::throttled, "too many tokens are being checked");
  proxy::SingleFlight<Result<Identity>>::Begin begin = [this, &digest, &jwt, &keys, &issuer, client] {
    return check(digest, *jwt, *keys, issuer, client);
  };
  co_return co_await checks_.join(flight, std::move(begin));
}

proxy::Task<Result<Identity>> Oidc::check(store::Digest digest, Jwt jwt, IssuerKeys::Shared keys,
                                          const Issuer& issuer, uint64_t client) {
  auto job = [jwt, keys] { return jwt.check_signature(*keys); };
  const proxy::JobOf brief(proxy::JobOf::Kind::brief, client);
  const Result<> is_signed = co_await workers_.run(brief, std::move(job));
  if (!is_signed) co_return failure(is_signed.error());
  const auto entry = entry_for(jwt, issuer.entries);
  if (!entry) co_return failure(entry.error());
  Identity identity;
  identity.name = jwt.name();
  identity.grant = (*entry)->grant;
  if (issuer.keys.is_current(keys)) remember(digest, jwt, identity);
  co_return identity;
}

void Oidc::remember(const store::Digest& digest, const Jwt& jwt, const Identity& identity) {
  RememberedTokens::Token token{digest, jwt.issuer(), identity, clock_.now() + limits_.remembered_for,
                                jwt.expires_at()};
  remembered_.add(std::move(token));
}

}  // namespace breakwater::routes
