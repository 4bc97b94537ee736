// Our credentials for one registry: whether they are sent just now, and what the operator learns when the
// registry refuses them.
//
//   usable --refused--> resting for 1 min, then 2, 4, 8 and 15: requests go without them
//      ^-- time is over, the password file has changed, or they are accepted
//
// So public images are fetched meanwhile, and a wrong password is not sent often enough to lock an account. A
// 401 refuses them altogether. A 403 of a realm, and a 401 to a token that they have brought, refuse them for
// one scope: the registry may only mean that repository. So may a 401, if they were accepted for another
// scope within the hour; but the third in a row refuses them altogether.
//
// The password file is looked at when the credentials are refused and, at most once a second, while they
// rest. Until they are refused they are good, whatever the file says. It is read on the loop's thread: a
// stat() of a file of this machine, and a read if it has changed, at the most when a request is about to wait
// for the network anyway.
//
// `upstream_refuses_credentials` is logged at the first refusal, and once an hour while it lasts. Belongs to
// the loop's thread. The constructor's arguments must outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "proxy/upstream/password_file.h"
#include "proxy/upstream/registry_client.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

class OwnCredentials {
 public:
  OwnCredentials(const store::Clock& clock, store::Log& log, const RegistryClientSettings& settings,
                 RegistryClientStats& stats)
      : clock_(clock),
        log_(log),
        settings_(settings),
        stats_(stats),
        credentials_(settings.credentials),
        file_(settings.password_file) {}

  // What to send for that scope, or null to go without. Valid until the next call of any function here.
  const Credentials* usable(const std::string& scope);
  // Who we are for that scope: "" while we go without credentials. Another password is another identity.
  std::string identity(const std::string& scope);

  // What a refusal refuses.
  enum class Extent { all, scope };
  // `by` is who refused and how: "GET https://auth.docker.io/token: 401".
  void refused(const std::string& scope, Extent extent, const std::string& by);
  // The registry took them, or a token that they have brought, for that scope.
  void accepted(const std::string& scope);
  // A realm gave a token for them, which does not say yet that the registry takes it.
  void accepted_by_realm();

  // Adds to an error of the registry what the operator has to know, if it came because we went without our
  // credentials or with refused ones. What it denies existed for us only with them, so `not_found` becomes
  // `denied`.
  [[nodiscard]] Error explained(Error error, const std::string& scope) const;

 private:
  struct Rest {
    store::Time until{};
    store::Time::duration length{};
  };
  bool is_resting(const std::string& key) const;
  void end_rest(const std::string& key);
  bool take_changed_password();
  void rest(const std::string& key);
  bool may_mean_scope(const std::string& scope);
  void tell(const std::string& by);

  const store::Clock& clock_;
  store::Log& log_;
  const RegistryClientSettings& settings_;
  RegistryClientStats& stats_;
  std::optional<Credentials> credentials_;
  PasswordFile file_;
  std::optional<store::Time> file_checked_at_;
  uint64_t passwords_ = 1;             // that we have had
  std::map<std::string, Rest> rests_;  // by scope; for all under kAllScopes
  std::optional<store::Time> told_at_;
  std::map<std::string, store::Time> accepted_at_;  // by scope
  int refused_in_a_row_ = 0;                        // by a 401 that may have meant a scope
};

}  // namespace breakwater::proxy
