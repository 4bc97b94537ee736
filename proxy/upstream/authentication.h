// How a registry's requests are authenticated: its challenges are answered with our password (Basic) or with
// a token from the realm that a challenge names (Bearer).
//
//   Authorization authorization(authentication, url.endpoint(), scope);
//   for (;;) {
//     … send the request with authorization.header() …
//     auto again = co_await authorization.answer_refusal(url, head);
//     if (!again) …                // why nothing better can be sent
//     if (!*again) break;          // the answer stands
//   }
//
// A 401, or a 403 with a challenge, is answered by the first of these that the request has not tried:
//
//   a token of a Bearer realm    of each challenge that names a usable one, in their order; for the scope of
//                                the request and for that of the challenge (scopes_to_ask())
//   our password                 if Basic is offered too, we have one and it is the registry itself that asks
//
// So a realm that is dead (unreachable, 404, 5xx, a web page, nonsense) does not hide what stands beside it.
// A token from the cache that is refused with 400, 401 or 403 is replaced once, by the realm that issued it.
// If the new one is refused likewise, with 400 or 403, that is the answer, and for a minute no other token is
// asked for because of it.
//
// Credentials that the registry or a realm refuses rest (proxy/upstream/own_credentials.h), and the request
// goes on without them: with an anonymous token, or without Authorization. They are sent to the scheme, host
// and port of the registry and to its trusted token realms, and nowhere else. What stands before the host of
// a realm's URL (`user:password@`) is dropped. Belongs to the loop's thread. The constructor's arguments must
// outlive it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/http/url.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/challenge.h"
#include "proxy/upstream/guarded_client.h"
#include "proxy/upstream/own_credentials.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/registry_rules.h"
#include "proxy/upstream/tokens.h"
#include "store/base/clock.h"

namespace breakwater::proxy {

class Authentication {
 public:
  Authentication(Loop& loop, GuardedClient& client, const store::Clock& clock, store::Log& log,
                 const RegistryClientSettings& settings, const TargetPolicy& targets,
                 RegistryClientStats& stats)
      : client_(client),
        clock_(clock),
        settings_(settings),
        targets_(targets),
        credentials_(clock, log, settings, stats),
        tokens_(loop, clock) {}

 private:
  friend class Authorization;

  std::string known_authorization(const TokenKey& key);
  std::string password_authorization(const std::string& scope);
  bool is_registry_itself(const Endpoint& endpoint) const { return endpoint == targets_.registry; }

  // A realm, and on whose behalf it is asked.
  struct Errand {
    Url realm;                // with service and scope
    std::string scope;        // of the request
    bool is_own_host = true;  // it is the registry itself that wants the token
    bool is_trusted = false;  // the realm may see our credentials
  };
  Tokens::Fetch fetch_for(const Errand& errand);
  Task<Result<Token>> ask_realm(Errand errand);
  Task<Result<GuardedClient::Answer>> follow_realm(Errand& errand, std::string authorization, Sink& sink);

  GuardedClient& client_;
  const store::Clock& clock_;
  const RegistryClientSettings& settings_;
  const TargetPolicy& targets_;
  // The registry has been asked with our password, so that is sent with each request.
  bool basic_asked_ = false;
  OwnCredentials credentials_;
  Tokens tokens_;  // last: destroyed before what its requests use
};

// What one request to one host is authorized by. Lives in the frame of the request.
class Authorization {
 public:
  // `scope` is that of the request.
  Authorization(Authentication& authentication, const Endpoint& endpoint, std::string scope);

  // Says of an error of this host what the operator has to know of our credentials and tokens.
  [[nodiscard]] Error explained(Error error) const;

  // The error if the registry wants a token, and its token endpoint has throttled us.
  std::optional<Error> refused_unasked() const;

  // The value of the Authorization header; "" for none.
  const std::string& header() const { return header_; }

  // Returns true if the request should be sent again, with what header() now returns, and false if the answer
  // stands. An error says why no token could be had. `url` is what answered with `head`.
  Task<Result<bool>> answer_refusal(Url url, const Head& head);

 private:
  using Errand = Authentication::Errand;
  bool has_token() const { return header_.starts_with("Bearer "); }
  std::string token_text() const { return has_token() ? header_.substr(7) : std::string(); }
  bool has_password() const { return header_.starts_with("Basic "); }
  std::string identity() const;
  void note_acceptance(int status);
  void note_refused_token(const std::vector<Challenge>& challenges);
  bool go_on_without_password(const Url& url);
  Task<Result<bool>> replace_token();
  Task<Result<bool>> answer_challenges(Url url, int status, std::vector<Challenge> challenges);
  Task<Result<bool>> try_realms(Url url, std::vector<Challenge> challenges);
  Task<Result<bool>> try_realms_once(Url url, std::vector<Challenge> challenges);
  bool is_refusal_of_credentials(int status, const std::vector<Challenge>& challenges) const;
  std::vector<Errand> errands_of(const Url& url, const Challenge& challenge,
                                 std::optional<Error>& unusable) const;
  bool may_send_password(const std::vector<Challenge>& challenges) const;
  void use(std::string header);

  Authentication& authentication_;
  TokenKey key_;
  bool own_host_;
  std::string header_;
  bool is_fresh_ = false;          // header_ was made for this request
  bool was_anonymous_ = false;     // the request has been sent without Authorization
  bool with_credentials_ = false;  // our credentials have brought the token in header_
  std::string refused_token_of_;   // whose token was refused while it was new; "" if none was
  std::string denied_by_;          // the realm that refused our credentials, and how; "" if none did
  std::set<std::string> tried_;    // the realms that were asked for this request, and as whom
};

}  // namespace breakwater::proxy
