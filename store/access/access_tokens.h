// Access tokens: what a machine shows instead of a user's password, until it expires or is revoked. A token's
// text is known to who uses it alone. The catalog keeps its SHA-256 with what the token may, so it is in a
// backup and survives a restart. This class has all of them in memory, because each request asks.
//
//   valid --expires_at--> expired
//     `-----revoke()----> revoked
//
// An expired or revoked token stays known, so that who still uses it is told why it is refused. Of
// kTokensMax, the one that ended first makes room for a new one. A token expires by whichever clock comes
// first: the store's, which nobody can set back, or the wall clock, which knows how long a machine was off.
//
// Any thread. find() and note_use() never block. The others may: they write to the catalog.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/base/digest.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/store_clock.h"

namespace breakwater::store {

class Catalog;

class AccessTokens {
 public:
  static constexpr size_t kTokensMax = 1000;
  enum class Standing : uint8_t { valid, expired, revoked };

  // What it borrows outlives it. It keeps at most `tokens_max`.
  AccessTokens(Catalog& catalog, const StoreClock& clock, size_t tokens_max = kTokensMax)
      : catalog_(catalog), clock_(clock), tokens_max_(tokens_max) {}
  [[nodiscard]] Result<> load();  // before all else

  // By the digest of the text. A table is no comparison in constant time, and needs none: who learns how much
  // of a digest is right has learned nothing of a text that has it.
  std::optional<TokenRecord> find(const Digest& secret) const;
  std::optional<Digest> find_valid(const std::string& name) const;  // nothing if none of that name is
  Standing standing_of(const TokenRecord& token) const;
  std::vector<TokenRecord> list() const;  // by name; of one name the oldest first
  bool is_empty() const;

  // The token was used just now. It is written by flush().
  void note_use(const Digest& secret);

  // What the caller wants of a new token. `created_at` and what comes behind it is set here.
  struct Wish {
    std::string name;
    std::vector<std::string> may, repositories;
    std::string made_by;
    std::optional<Time::duration> lifetime;  // nothing: for ever
  };
  // What create() would say: `conflict` if a valid token has this name, `full` if all kTokensMax are valid.
  [[nodiscard]] Result<TokenRecord> plan(const Wish& wish) const;
  // The token is on the disk when this returns. After an error of the disk it may be there after a restart;
  // nobody has its text.
  [[nodiscard]] Result<TokenRecord> create(const Digest& secret, const Wish& wish);
  // The one of that name that is not revoked: whoever shows it is refused from now on, even if the disk fails
  // and this is an error. `not_found` if there never was one of that name; nothing if all are revoked.
  [[nodiscard]] Result<std::optional<TokenRecord>> revoke(const std::string& name);

  // Writes when the tokens were used last: now, or once a minute at most.
  enum class Flush : uint8_t { now, if_due };
  [[nodiscard]] Result<> flush(Flush when);

 private:
  struct Token {
    TokenRecord record;
    bool is_used = false;  // since it was written last
  };
  using Tokens = std::unordered_map<Digest, Token, DigestHash>;

  Result<> check_name(const Wish& wish) const REQUIRES(mutex_);
  TokenRecord made_of(const Wish& wish) const;
  // The one that makes room; nothing if there is room, `full` if there is none to be made.
  Result<std::optional<Digest>> dispensable() const REQUIRES(mutex_);
  // The one of that name that is not revoked; of a valid and an expired one, the valid.
  std::optional<Digest> revocable(const std::string& name) const REQUIRES(mutex_);
  bool has_name(const std::string& name) const REQUIRES(mutex_);
  Result<> write(const Digest& secret, const TokenRecord& record, const std::optional<Digest>& dispensable)
      REQUIRES(changing_);

  Catalog& catalog_;
  const StoreClock& clock_;
  const size_t tokens_max_;
  Mutex changing_;  // held over a write, so that changes reach the disk in the order in which they are made
  Time flushed_at_ GUARDED_BY(changing_){};
  mutable Mutex mutex_ ACQUIRED_AFTER(changing_);
  Tokens tokens_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::store
