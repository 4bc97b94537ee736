// What a RegistryClient knows of the hosts that it asks: whether each may be asked just now, and what came of
// the requests before. Keeps a CircuitBreaker for each host, counts failures, and logs when a host fails.
//
//   auto breaker = health.breaker_of(endpoint);
//   auto permit = breaker->admit(now, endpoint.text());
//   AdmittedRequest admitted(breaker, *permit, now);
//   … then one of report_failure() and report_answer(), and admitted.answered() for an answer that is no
//   failure
//
// Belongs to the loop's thread. The constructor's arguments must outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/http/url.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/registry_client.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

// A request that a circuit breaker admitted. What came of it is reported once; if its Task is destroyed
// before, it counts as abandoned.
class AdmittedRequest {
 public:
  AdmittedRequest(std::shared_ptr<CircuitBreaker> breaker, CircuitBreaker::Permit permit, store::Time began)
      : breaker_(std::move(breaker)), permit_(permit), began_(began) {}
  ~AdmittedRequest() {
    if (!reported_) breaker_->abandoned(permit_);
  }
  AdmittedRequest(const AdmittedRequest&) = delete;
  AdmittedRequest& operator=(const AdmittedRequest&) = delete;

  CircuitBreaker& breaker() { return *breaker_; }
  void answered() {
    if (!std::exchange(reported_, true)) breaker_->answered(permit_);
  }
  void unreached(store::Time now) {
    if (!std::exchange(reported_, true)) breaker_->unreached(permit_, now);
  }
  void broken_off(store::Time now) {
    if (!std::exchange(reported_, true)) breaker_->broken_off(permit_, began_, now);
  }
  void server_error(store::Time now) {
    if (!std::exchange(reported_, true)) breaker_->server_error(permit_, now);
  }
  int64_t throttled(store::Time now, std::optional<int64_t> wait_s) {
    reported_ = true;
    return breaker_->throttled(permit_, now, wait_s);
  }

 private:
  std::shared_ptr<CircuitBreaker> breaker_;
  CircuitBreaker::Permit permit_;
  store::Time began_;
  bool reported_ = false;
};

class HostHealth {
 public:
  // How a request failed that got no answer: within a moment, later, or because the caller's own timeout
  // ended it although the host was connected (`impatient`). The last says nothing about the host.
  enum class Failed { soon, late, impatient };

  // `registry` is the host whose health `stats` tells.
  HostHealth(const store::Clock& clock, store::Log& log, const RegistryClientSettings& settings,
             const Endpoint& registry, RegistryClientStats& stats)
      : clock_(clock), log_(log), settings_(settings), registry_(registry), stats_(stats) {}

  std::shared_ptr<CircuitBreaker> breaker_of(const Endpoint& endpoint);

  // `error` is why there was no answer.
  void report_failure(AdmittedRequest& admitted, const Url& url, const Error& error, Failed failed);
  // `error_text` is the beginning of the body, if the answer is a failure.
  void report_answer(AdmittedRequest& admitted, const Url& url, const Head& head,
                     std::string_view error_text);
  // A 429.
  void report_throttled(AdmittedRequest& admitted, const Url& url, const Head& head,
                        std::string_view error_text);

 private:
  store::Time now() const { return clock_.now(); }

  const store::Clock& clock_;
  store::Log& log_;
  const RegistryClientSettings& settings_;
  const Endpoint& registry_;
  RegistryClientStats& stats_;
  std::map<Endpoint, std::shared_ptr<CircuitBreaker>> breakers_;  // shared with admitted requests
};

}  // namespace breakwater::proxy
