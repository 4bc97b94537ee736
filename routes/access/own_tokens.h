// The access tokens that `breakwater token create` makes, as a source of identities. It answers from memory.
// Belongs to the loop's thread; what it borrows outlives it.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "routes/access/token_source.h"
#include "store/access/access_tokens.h"
#include "store/base/result.h"

namespace breakwater::routes {

class OwnTokens final : public TokenSource {
 public:
  // `away` says why the store cannot be asked; as Store::away().
  OwnTokens(store::AccessTokens& tokens, std::function<std::optional<Error>()> away)
      : tokens_(tokens), away_(std::move(away)) {}

  bool has_any() const override { return !tokens_.is_empty(); }
  bool recognises(std::string_view text) const override;
  proxy::Task<Result<Identity>> identify(const store::Secret& secret, const proxy::Peer& peer) override;

  // Of the token whose text has this digest; `denied` if there is none or if it has ended.
  Result<Identity> identity_of(const store::Digest& digest);
  // Of the valid token that identifies who is called so; nothing if there is none.
  std::optional<store::Digest> digest_of(const std::string& name) const;

 private:
  store::AccessTokens& tokens_;
  const std::function<std::optional<Error>()> away_;
};

// What a token of that record may. Words that name no action are of a later version, and allow nothing here.
Grant grant_of(const store::TokenRecord& token);

}  // namespace breakwater::routes
