// Whether a failed attempt is worth another, and when: pure functions of what happened, so that a table can
// test them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::proxy {

struct RetrySettings {
  uint32_t attempts_max = 5;     // without a byte of progress between them
  int64_t delay_first_ms = 200;  // doubled each time
  int64_t delay_max_ms = 10'000;
  int64_t throttled_wait_max_ms = 10'000;  // a longer Retry-After is not waited for
  // With a transfer that has begun, however many attempts that takes: its registry may be starting anew.
  int64_t patience_ms = 45'000;
};

// How long to wait before attempt number `attempts` + 1, or nothing if it should be given up. `attempts`
// counts those made without progress, 1 or more. `random` in [0, 1) spreads the delay over its upper half.
// `silence_ms`: since the last byte, of a transfer that has begun.
std::optional<int64_t> retry_delay_ms(const RetrySettings& settings, const Error& error, uint32_t attempts,
                                      double random, std::optional<int64_t> silence_ms = std::nullopt);

// Seconds from now that a 429 or 503 asks to wait. `value` is Retry-After: seconds, an HTTP date, or an epoch
// in seconds; `body` may hold `retry-after: 1.16676ms` in its text, as ghcr.io's does. Clamped to 1 s … 15
// min; nothing if nobody says.
std::optional<int64_t> retry_after_s(std::string_view value, std::string_view body, int64_t now_epoch_s);

}  // namespace breakwater::proxy
