// Tokens that were found to be good, for a moment: a job sends the same one with each request, and its
// signature is checked once. Tokens are kept as their SHA-256 alone, so none can be read from here.
//
// Pure: the times are arguments, `now` of the clock that nobody can set and `wall` of the other. Not for
// several threads at a time.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "routes/access/authorize.h"
#include "store/base/clock.h"
#include "store/base/digest.h"

namespace breakwater::routes {

class RememberedTokens {
 public:
  explicit RememberedTokens(size_t tokens_max) : tokens_max_(tokens_max) {}

  struct Token {
    store::Digest digest;
    std::string issuer;
    Identity identity;
    store::Time use_until;   // of now()
    store::Time expires_at;  // of wall()
  };
  // Whose token it is; null if it is not known, or was good once. Valid until the next call.
  const Identity* find(const store::Digest& digest, store::Time now, store::Time wall);
  // The oldest of tokens_max makes room.
  void add(Token token);
  void remove_of(std::string_view issuer);
  size_t size() const { return tokens_.size(); }

 private:
  using Place = std::list<Token>::iterator;
  void remove(Place place);

  const size_t tokens_max_;
  std::list<Token> tokens_;  // the oldest first
  std::unordered_map<store::Digest, Place, store::DigestHash> by_digest_;
};

}  // namespace breakwater::routes
