// A circuit breaker says whether a host, or something of it, may be asked just now. An open breaker refuses
// requests at once, so that no storm of requests reaches a host that throttles us or is down. Circuits
// (circuits.h) knows which breakers a request has to pass.
// Pure: time is an argument.
//
//   closed      requests pass
//     --429--------------------------> open until Retry-After is over: requests fail with `throttled`
//     --no answer, or 5 times 5xx----> open for 0.5 s, 1 s, 2 s …: requests fail with `unavailable`
//   half-open   that time is over: one request passes as the probe, the others still fail
//     --any answer-------------------> closed
//     --no answer, 5xx---------------> open, for twice as long
//
// Once a 429's time is over the breaker is closed again, without a probe. An answer is any status but 429 and
// 5xx. A connection that breaks within a moment may be retried once: only the second in a row counts as no
// answer. abandoned() ends a request of which nothing is known, because its Task was destroyed; if that was
// the probe, the next request is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct CircuitBreakerSettings {
  int64_t open_first_ms = 500;  // after the first failure; doubled by each failed probe
  int64_t open_max_ms = 30'000;
  uint32_t server_errors_max = 5;   // this many 5xx in a row open the breaker
  int64_t throttled_default_s = 5;  // after a 429 without Retry-After
};

class CircuitBreaker {
 public:
  explicit CircuitBreaker(const CircuitBreakerSettings& settings = {}) : settings_(settings) {}

  // How a request was admitted. Whoever was admitted reports what came of it by one of the calls below.
  enum class Permit { normal, probe };
  // The permit, or the error that says why not now. `host` is for its message.
  [[nodiscard]] Result<Permit> admit(store::Time now, std::string_view host);

  void answered(Permit permit);
  void unreached(Permit permit, store::Time now);
  // The host was not reached, and that was known within a moment. `began` is when the request was admitted.
  // The first failure of this kind is forgiven, because one reset connection says little; the second in a row
  // counts as unreached().
  void broken_off(Permit permit, store::Time began, store::Time now);
  void server_error(Permit permit, store::Time now);
  // `wait_s` is from Retry-After, `words` what the host says about it (upstream_words.h), for the errors
  // until then. Returns how long the breaker stays open, in seconds.
  int64_t throttled(Permit permit, store::Time now, std::optional<int64_t> wait_s, std::string words = {});
  void abandoned(Permit permit);
  // What a failure was, in words, for the errors until the next answer: "Could not resolve host: ghcr.io".
  void note_cause(std::string cause) { cause_ = std::move(cause); }

  store::Time throttled_until() const { return throttled_until_; }
  // Whether failures have opened the breaker and neither an answer nor a 429 has come since.
  bool is_tripped() const { return trips_ > 0; }
  // Whether a new CircuitBreaker would behave as this one does.
  bool is_forgettable(store::Time now) const {
    return trips_ == 0 && server_errors_ == 0 && !has_broken_off(now) && throttled_until_ <= now;
  }

 private:
  bool has_broken_off(store::Time now) const;
  void end(Permit permit);
  void trip(store::Time now);

  CircuitBreakerSettings settings_;
  store::Time throttled_until_{};
  std::string throttled_words_;
  std::string cause_;                         // of the last failure
  store::Time open_until_{};                  // because of failures
  std::optional<store::Time> broken_off_at_;  // the first forgiven failure since the last answer
  uint32_t trips_ = 0;                        // since the last answer
  uint32_t server_errors_ = 0;                // in a row
  bool probing_ = false;                      // the probe is on its way
};

}  // namespace breakwater::proxy
