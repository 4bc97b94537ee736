// Who a CI job is, by the token that its CI system gave to it: the password of Basic authentication, or a
// Bearer token. "oidc" of the configuration says whose tokens are taken, and what their jobs may:
//
//   {"issuer": "https://gitlab.example.org", "audience": "breakwater",
//    "claims": {"project_path": "me/*", "ref_protected": "true"}, "may": ["push"], "repositories": ["ci/*"]}
//
// A token is taken if its issuer is exactly that of an entry and has signed it, it is that time, it is for
// the audience, and each of the claims is as the entry has it. Several entries may have one issuer; the first
// that a token fits counts.
//
//   if (Jwt::is_like(password)) {
//     auto identity = co_await oidc.identify(std::move(password), exchange.peer().key());
//
// What a token costs: it is parsed on the loop (16 KiB at most), its signature is checked on a worker, and
// then it is remembered for a minute, or until it expires. Who sends it meanwhile shares the check.
//
// Belongs to the loop's thread. What it borrows outlives it, and it outlives the Tasks of identify().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/single_flight.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/http_client.h"
#include "routes/access/authorize.h"
#include "routes/access/issuer_keys.h"
#include "routes/access/jwt.h"
#include "routes/access/oidc_entry.h"
#include "routes/access/remembered_tokens.h"
#include "routes/access/token_source.h"
#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct OidcLimits {
  IssuerKeysTiming keys;
  std::chrono::seconds remembered_for{60};
  size_t remembered_max = 4096;
  size_t checks_max = 512;  // at a time; each holds what was parsed of its token, 100 KiB at most
};

class Oidc final : public TokenSource {
 public:
  struct Parts {
    proxy::Loop& loop;
    proxy::Workers& workers;
    proxy::HttpClient& http_client;                  // for issuers without a ca_file
    const proxy::HttpClientSettings& http_settings;  // for those with one; read by the constructor
    const store::Clock& clock;
    store::Log& log;
  };
  // `entries` are as check_oidc() wants them.
  Oidc(const Parts& parts, const std::vector<OidcEntry>& entries, const OidcLimits& limits = OidcLimits());
  ~Oidc();
  Oidc(const Oidc&) = delete;
  Oidc& operator=(const Oidc&) = delete;

  // The job, by the name that Jwt::name() has, within what its entry lets it do. `client` is whoever sends
  // the token, as JobOf has it.
  //
  //   denied        the token is wrong: the message says what is, of which token
  //   unavailable   the keys of its issuer cannot be had, so nobody knows
  //   throttled     checks_max tokens are being checked
  proxy::Task<Result<Identity>> identify(std::string token, uint64_t client);

  bool has_any() const override { return !issuers_.empty(); }
  bool recognises(std::string_view text) const override { return Jwt::is_like(text); }
  proxy::Task<Result<Identity>> identify(const store::Secret& secret, const proxy::Peer& peer) override {
    return identify(std::string(secret.view()), peer.key());
  }

 private:
  struct Issuer;
  proxy::Task<Result<Identity>> check(store::Digest digest, Jwt jwt, IssuerKeys::Shared keys,
                                      const Issuer& issuer, uint64_t client);
  void remember(const store::Digest& digest, const Jwt& jwt, const Identity& identity);

  const OidcLimits limits_;
  proxy::Workers& workers_;
  const store::Clock& clock_;
  RememberedTokens remembered_;
  std::map<std::string, std::unique_ptr<proxy::HttpClient>> http_clients_;  // by ca_file
  std::map<std::string, std::unique_ptr<Issuer>> issuers_;                  // by `iss`
  proxy::SingleFlight<Result<Identity>> checks_;  // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::routes
