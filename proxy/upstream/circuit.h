// Whether a host may be asked just now: the state that keeps a storm of requests away from one that refuses
// or is down. Pure: time is an argument. One Circuit for each host; belongs to whoever owns it.
//
//   open        requests pass
//     --429--------------------------> throttled until Retry-After is over: all fail at once with `throttled`
//     --no answer, or 5 times 5xx----> silent for 0.5 s, 1 s, 2 s … : all fail at once with `unavailable`
//   silence over: one request passes as the probe, the others still fail at once
//     --any answer-------------------> open
//     --no answer, 5xx---------------> silent, twice as long
//
// An answer is any status but 429 and 5xx. A request that fails at once may be asked again at once: the
// second in a row is no answer. A probe that ends without a word about it (its Task was destroyed) is given
// up by abandoned().
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct CircuitSettings {
  int64_t silence_first_ms = 500;
  int64_t silence_max_ms = 30'000;
  uint32_t server_errors_max = 5;   // 5xx in a row, and the next one is a silence
  int64_t throttled_default_s = 5;  // of a 429 that names no time
};

class Circuit {
 public:
  explicit Circuit(const CircuitSettings& settings = {}) : settings_(settings) {}

  // What a request that passes is: its result must be told by one of the calls below.
  enum class Pass { normal, probe };
  // The pass, or why not now; `host` is for the message.
  [[nodiscard]] Result<Pass> admit(store::Time now, std::string_view host);

  void answered(Pass pass);
  void unreached(Pass pass, store::Time now);
  // Unreached, and at once: nobody has waited for it, and one reset connection says little. Only the second
  // in a row is a silence. `began` is when the request was admitted.
  void broken(Pass pass, store::Time began, store::Time now);
  void server_error(Pass pass, store::Time now);
  // `wait_s` from Retry-After. The time that was chosen, in seconds.
  int64_t throttled(Pass pass, store::Time now, std::optional<int64_t> wait_s);
  void abandoned(Pass pass);

  store::Time throttled_until() const { return throttled_until_; }
  bool silent() const { return silences_ > 0; }  // since the last answer
  // Nothing is remembered that a new Circuit would not say as well.
  bool forgettable(store::Time now) const {
    return silences_ == 0 && server_errors_ == 0 && !is_broken(now) && throttled_until_ <= now;
  }

 private:
  bool is_broken(store::Time now) const;
  void end(Pass pass);
  void fall_silent(store::Time now);

  CircuitSettings settings_;
  store::Time throttled_until_{};
  store::Time silent_until_{};
  std::optional<store::Time> broken_at_;  // the first since the last answer
  uint32_t silences_ = 0;
  uint32_t server_errors_ = 0;
  bool probing_ = false;
};

}  // namespace breakwater::proxy
