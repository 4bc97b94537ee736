#include "routes/access/remembered_tokens.h"

#include <utility>

namespace breakwater::routes {

const Identity* RememberedTokens::find(const store::Digest& digest, store::Time now, store::Time wall) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  const Place place = found->second;
  if (now < place->use_until && wall < place->expires_at) return &place->identity;
  remove(place);
  return nullptr;
}

void RememberedTokens::add(Token token) {
  if (const auto found = by_digest_.find(token.digest); found != by_digest_.end()) remove(found->second);
  if (tokens_.size() >= tokens_max_ && !tokens_.empty()) remove(tokens_.begin());
  tokens_.push_back(std::move(token));
  by_digest_.emplace(tokens_.back().digest, std::prev(tokens_.end()));
}

void RememberedTokens::remove_of(std::string_view issuer) {
  for (auto place = tokens_.begin(); place != tokens_.end();) {
    const auto next = std::next(place);
    if (place->issuer == issuer) remove(place);
    place = next;
  }
}

void RememberedTokens::remove(Place place) {
  by_digest_.erase(place->digest);
  tokens_.erase(place);
}

}  // namespace breakwater::routes
