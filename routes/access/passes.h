// What somebody who has proved who he is is given, so that he need not prove it with each request: a Bearer
// token of /token, for five minutes, and a session of the page.
//
//   const auto token = passes.issue(Pass::bearer, who, scopes);
//   passes.identity(Pass::bearer, token)            // the same name, if it still is somebody's
//
// A pass says who it was given to and no right of its own: what he may is asked anew with each request, and
// a pass ends with the password, the token or the certificate that it was given for. A job's token cannot be
// asked again, so a pass holds what it may. Passes are kept by nobody: they are sealed (seal.h). Of a data
// folder; they survive a restart.
//
// A session that was ended is refused for as long as the process lives and remembers it: the last
// kEndedMax of them. Nothing of that is written, so after a restart whoever has kept a copy of such a session
// may use it until its time is up; a new password or a revoked token ends it for good.
//
// Belongs to the loop's thread; what it borrows outlives it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "proxy/http/peer.h"
#include "routes/access/authorize.h"
#include "routes/access/own_tokens.h"
#include "routes/access/seal.h"
#include "routes/access/token_source.h"
#include "routes/access/users.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr std::string_view kPassPrefix = "bwp_";

enum class Pass : uint8_t { bearer, session };

// What /token answers with, as JSON.
std::string bearer_answer(const std::string& token);

class Passes final : public TokenSource {
 public:
  static constexpr std::chrono::seconds kBearerFor{300};
  static constexpr std::chrono::seconds kSessionFor{12 * 3600};
  static constexpr size_t kScopesMax = 16;
  static constexpr size_t kEndedMax = 4096;

  // `users`: null if there is no file of them. `clock` survives restarts.
  Passes(Seal seal, const Users* users, OwnTokens& tokens, const store::Clock& clock)
      : seal_(std::move(seal)), users_(users), tokens_(tokens), clock_(clock) {}

  // `who`: null for nobody. Without `scopes` it is for all that he may.
  std::string issue(Pass pass, const Identity* who, std::optional<std::vector<Scope>> scopes = {}) const;
  // Whose it is; without a name if it was given to nobody. `denied` if it is none, has expired, or what it
  // was given for has ended.
  Result<Identity> identity(Pass pass, std::string_view text, const proxy::Peer& peer) const;
  // Of a session: it is worth nothing any more. Whatever is none changes nothing.
  void end(std::string_view session);

  // Bearer tokens. Nobody has one who could not show something else.
  bool has_any() const override { return false; }
  bool recognises(std::string_view text) const override { return text.starts_with(kPassPrefix); }
  proxy::Task<Result<Identity>> identify(const store::Secret& secret, const proxy::Peer& peer) override;

 private:
  const Seal seal_;
  const Users* const users_;
  OwnTokens& tokens_;
  const store::Clock& clock_;
  std::unordered_set<std::string> ended_;  // the ids of sessions
  std::deque<std::string> ended_order_;    // the oldest first; each of ended_ once
};

}  // namespace breakwater::routes
