// The keys of one issuer, kept, and fetched when they are needed:
//
//   no key of that id and algorithm is known     they are fetched, and who asks waits `unknown_wait_ms`
//   it is known, and the keys are older than     they are fetched, and who asks waits `refresh_wait_ms`, and
//   `fresh_for`                                  then takes what is known: an issuer that is down stops
//   nobody
//
// One fetch goes on at a time, for all who ask, and one begins in `fetch_again_after` at most, whatever came
// of the one before. What a fetch brings replaces all keys: what the issuer does not list any more is gone.
//
// Keys come by discovery, two requests of which none is redirected, or from a file. Belongs to the loop's
// thread. What it borrows outlives it, and it outlives the Tasks of get().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/loop/loop.h"
#include "proxy/loop/single_flight.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/http_client.h"
#include "routes/access/jwks.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct IssuerKeysTiming {
  int64_t request_timeout_ms = 10'000;
  int64_t unknown_wait_ms = 5'000;
  int64_t refresh_wait_ms = 1'000;
  std::chrono::seconds fetch_again_after{60};
  std::chrono::seconds fresh_for{600};
};

class IssuerKeys {
 public:
  using Shared = std::shared_ptr<const KeySet>;  // with the workers that check signatures by it
  struct Parts {
    proxy::Loop& loop;
    proxy::Workers& workers;
    proxy::HttpClient& http_client;
    const store::Clock& clock;
    store::Log& log;
  };

  // `keys_file`: a JWKS; "": by discovery at the issuer's URL. `key_gone` is called when a key is not listed
  // any more.
  IssuerKeys(const Parts& parts, std::string issuer, std::string keys_file, const IssuerKeysTiming& timing,
             std::function<void()> key_gone);

  // The keys, with that one if the issuer is known to have it. `unavailable` if it may have, and nobody could
  // ask it: the message says why, and retry_after_s when it is asked again.
  proxy::Task<Result<Shared>> get(std::optional<std::string> id, SigningAlgorithm algorithm);

  bool is_current(const Shared& keys) const { return keys == keys_; }

 private:
  bool is_known(const std::optional<std::string>& id, SigningAlgorithm algorithm) const {
    return keys_ != nullptr && keys_->find(id, algorithm) != nullptr;
  }
  bool is_fresh() const { return keys_ != nullptr && parts_.clock.now() < fresh_until_; }
  proxy::Task<Result<>> fetch();
  proxy::Task<Result<KeySet>> read();
  proxy::Task<Result<std::string>> read_file();
  proxy::Task<Result<std::string>> discover();
  proxy::Task<Result<std::string>> ask(std::string url, size_t bytes_max);
  void replace(KeySet keys);
  Error unavailable() const;

  const Parts parts_;
  const std::string issuer_;
  const std::string keys_file_;
  const IssuerKeysTiming timing_;
  const std::function<void()> key_gone_;
  Shared keys_;  // null before the first success
  store::Time fresh_until_{};
  std::optional<store::Time> fetch_not_before_;
  std::string failure_;                    // of the last fetch; "": it was none
  proxy::SingleFlight<Result<>> fetches_;  // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::routes
