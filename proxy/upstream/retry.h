// Whether a failed attempt is worth another one, and when. These are pure functions of what happened, so that
// a table can test them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::proxy {

struct RetrySettings {
  uint32_t attempts_max = 5;     // attempts in a row that made no progress
  int64_t delay_first_ms = 200;  // doubled by each attempt
  int64_t delay_max_ms = 10'000;
  int64_t throttled_wait_max_ms = 10'000;  // with a longer Retry-After we give up at once
  // A transfer that has begun is retried for this long without progress, whatever attempts_max says, because
  // its registry may be restarting.
  int64_t patience_ms = 45'000;
};

// How long to wait before the next attempt, or nothing to give up. `attempts` is how many attempts in a row
// made no progress, 1 or more. `random` in [0, 1) spreads the delay over its upper half. `silence_ms` is the
// time since the last progress of a transfer that has begun, and nothing for one that has not.
std::optional<int64_t> retry_delay_ms(const RetrySettings& settings, const Error& error, uint32_t attempts,
                                      double random, std::optional<int64_t> silence_ms = std::nullopt);

// How many seconds from now a 429 or 503 asks us to wait. `value` is the Retry-After header: seconds, an HTTP
// date, or seconds since the epoch. `body` may hold `retry-after: 1.16676ms` in its text, as ghcr.io's does.
// The result is between 1 s and 15 min, or nothing if neither the header nor the body names a time.
std::optional<int64_t> retry_after_s(std::string_view value, std::string_view body, int64_t now_epoch_s);

}  // namespace breakwater::proxy
