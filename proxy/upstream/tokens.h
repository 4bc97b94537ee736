// A cache of bearer tokens, each for one registry and one scope. A token is used for 80 % of its life. A
// token that is missing is fetched through get(): one fetch for a key runs at a time, everyone who asks
// meanwhile waits for its result, and it goes on when whoever began it is gone. Belongs to the loop's thread.
//
//   auto fetch = [this, key] { return ask_realm(key); };
//   auto token = co_await tokens.get(key, rejected, std::move(fetch));
//
// A token remembers how it was fetched, so that renew() can replace it when nobody says anew where tokens
// are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/url.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/token_answer.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct TokenKey {
  Endpoint endpoint;  // of the registry that accepts the token, not of the realm that issues it
  std::string scope;
  std::string identity;  // whom the token is for; "" if no credentials were sent for it

  auto operator<=>(const TokenKey&) const = default;
};

class Tokens {
 public:
  using Fetch = std::function<Task<Result<Token>>()>;

  Tokens(Loop& loop, const store::Clock& clock, size_t tokens_max = 4096)
      : loop_(loop), clock_(clock), tokens_max_(tokens_max), fetches_(loop) {}

  std::optional<std::string> find(const TokenKey& key) const;
  // A token, from the cache or by `fetch`. `rejected` is the token that the registry has just refused, "" if
  // none was sent; it is not returned from the cache.
  Task<Result<std::string>> get(TokenKey key, std::string rejected, Fetch fetch);
  // The same, by the `fetch` that brought the rejected token. `not_found` if that is not known any more.
  Task<Result<std::string>> renew(TokenKey key, std::string rejected);

  // The registry has refused a token of that key that was fetched for the very request. For a minute that is
  // its answer, and another token would not help.
  void note_refusal(const TokenKey& key);
  bool refusal_stands(const TokenKey& key) const;

  size_t size() const { return tokens_.size(); }

 private:
  struct CachedToken {
    std::string text;
    store::Time use_until;
    Fetch fetch;
    std::optional<store::Time> refused_at;
  };
  struct Flight {
    explicit Flight(Loop& loop) : ended(loop) {}
    std::optional<Result<std::string>> result;
    Signal ended;
  };

  Task<> run(TokenKey key, std::shared_ptr<Flight> flight, Fetch fetch);
  void keep(const TokenKey& key, const Token& token, Fetch fetch);
  int64_t life_s(const Token& token) const;
  void ensure_capacity();

  Loop& loop_;
  const store::Clock& clock_;
  size_t tokens_max_;
  std::map<TokenKey, CachedToken> tokens_;
  std::map<TokenKey, std::shared_ptr<Flight>> flights_;
  Tasks fetches_;  // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy
