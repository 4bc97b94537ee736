// Who asks the page's listener, and the sessions of those who have signed in there.
//
// A caller is, by the first of these that there is:
//
//   a session    of the cookie breakwater_session, which sign_in() gives: HttpOnly, SameSite=Strict, and
//                Secure over TLS. A browser sends it along, and no script can read it. One that is none any
//                more is as if there were none
//   a name       by Authorization, whatever the Authenticator takes; a wrong one is an error
//   the subject  of the client certificate
//
// A session lasts Passes::kSessionFor, or until it is signed out of, or its password changes, or its token is
// revoked (access/passes.h, which says what that is worth after a restart).
//
// Belongs to the loop's thread; what it borrows outlives it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/authenticator.h"
#include "routes/access/passes.h"
#include "store/base/result.h"

namespace breakwater::routes {

class PageCallers {
 public:
  static constexpr size_t kSignInBytesMax = 16 << 10;
  static constexpr std::string_view kCookie = "breakwater_session";

  // Null: nobody has a name, and nobody can sign in.
  PageCallers(Authenticator* authenticator, Passes* passes)
      : authenticator_(authenticator), passes_(passes) {}

  struct Who {
    std::optional<Identity> identity;
    std::string session;  // by which he is known; "" if he is not by one
    const Identity* get() const { return identity ? &*identity : nullptr; }
  };
  // The errors are those of the Authenticator. The caller keeps the exchange until the Task has ended.
  proxy::Task<Result<Who>> identify(const proxy::Exchange& exchange);
  bool is_valid(const std::string& session, const proxy::Peer& peer) const;

  bool can_sign_in() const { return passes_ != nullptr && authenticator_ != nullptr && knows_anybody(); }
  struct SignedIn {
    std::string user;
    std::string cookie;  // the value of Set-Cookie
  };
  // By the body {"user", "password"}, where a token of ours is a password too. `denied` for a wrong one, in
  // the words of the Authenticator, and `throttled` as it says. What lasts for minutes only opens no session.
  proxy::Task<Result<SignedIn>> sign_in(proxy::Exchange& exchange);
  // Ends the session, if there is one; the value of a Set-Cookie that takes it away.
  std::string sign_out(const proxy::Exchange& exchange);

 private:
  bool knows_anybody() const { return authenticator_->knows_anybody(); }

  Authenticator* const authenticator_;
  Passes* const passes_;
};

}  // namespace breakwater::routes
