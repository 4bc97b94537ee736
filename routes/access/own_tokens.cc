#include "routes/access/own_tokens.h"

#include <algorithm>
#include <string>
#include <utility>

#include "routes/access/token_text.h"
#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kNamePrefix = "token ";

tl::unexpected<Error> denied(std::string message, std::string remedy) {
  return failure(Error{Error::Kind::denied, std::move(message), 0, std::move(remedy)});
}

}  // namespace

bool OwnTokens::recognises(std::string_view text) const { return text.starts_with(kTokenPrefix); }

proxy::Task<Result<Identity>> OwnTokens::identify(const store::Secret& secret, const proxy::Peer&) {
  if (!is_token(secret.view())) co_return denied("the token is not whole", "copy all of it");
  co_return identity_of(digest_of_token(secret.view()));
}

std::optional<store::Digest> OwnTokens::digest_of(const std::string& name) const {
  if (!name.starts_with(kNamePrefix)) return std::nullopt;
  return tokens_.find_valid(name.substr(kNamePrefix.size()));
}

Result<Identity> OwnTokens::identity_of(const store::Digest& digest) {
  if (auto away = away_()) return failure(*std::move(away));
  const auto token = tokens_.find(digest);
  if (!token) return denied("nobody here has made this token", "ask for a new one");
  switch (tokens_.standing_of(*token)) {
    case store::AccessTokens::Standing::revoked:
      return denied("the token " + token->name + " was revoked at " + date_text(token->revoked_at),
                    "ask for a new one");
    case store::AccessTokens::Standing::expired:
      return denied("the token " + token->name + " has expired: it was to last until " +
                        date_text(token->expires_at_wall),
                    "ask for a new one");
    case store::AccessTokens::Standing::valid: break;
  }
  tokens_.note_use(digest);
  return Identity{std::string(kNamePrefix) + token->name, {}, grant_of(*token)};
}

Grant grant_of(const store::TokenRecord& token) {
  Grant grant;
  grant.repositories = token.repositories;
  for (const Action action : kActionsOfRepositories) {
    if (std::find(token.may.begin(), token.may.end(), name_of(action)) != token.may.end())
      grant.may.add(action);
  }
  return grant;
}

}  // namespace breakwater::routes
