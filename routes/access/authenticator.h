// Who a request comes from, by its Authorization. It answers at once from memory where it can: a password
// that was right within the last minute, and our own tokens. What has to be computed or asked for is waited
// for.
//
//   auto who = co_await authenticator.identify(request.headers, exchange.peer());
//   if (!who) …         // see below
//   if (*who) …         // it is **who; else the client has said nothing of itself
//
// What an error of identify() means to the client:
//
//   invalid              400  Authorization is malformed
//   denied               401  with a challenge: wrong user or password; a token that is unknown, expired,
//                             revoked or not whole. The message says which. Of a user it is the same whether
//                             the name or the password is wrong
//   throttled            429  with Retry-After: too many passwords of this client wait to be checked
//   storage, unavailable 503  nobody can tell just now
//
// Without any user and any token there is nobody to be, and Authorization is not looked at: clients send what
// they have for other registries. No error quotes anything of what was given.
//
// Belongs to the loop's thread; what it borrows outlives it, and it outlives whoever waits.
#pragma once

#include <optional>
#include <vector>

#include "proxy/http/http.h"
#include "proxy/http/peer.h"
#include "proxy/loop/task.h"
#include "routes/access/authorize.h"
#include "routes/access/token_source.h"
#include "routes/access/users.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct Credentials;

class Authenticator {
 public:
  // `users`: null if there is no file of them. The sources are asked in their order.
  Authenticator(Users* users, std::vector<TokenSource*> sources)
      : users_(users), sources_(std::move(sources)) {}
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  bool knows_anybody() const;
  // The caller keeps both until the Task has ended.
  proxy::Task<Result<std::optional<Identity>>> identify(const proxy::Headers& headers,
                                                        const proxy::Peer& peer);
  // The same for what was given in another place than Authorization. The caller keeps both likewise.
  proxy::Task<Result<std::optional<Identity>>> identify(const Credentials& credentials,
                                                        const proxy::Peer& peer);

 private:
  TokenSource* source_of(std::string_view secret) const;

  Users* const users_;
  const std::vector<TokenSource*> sources_;
};

}  // namespace breakwater::routes
