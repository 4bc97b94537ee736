// Sizes and times as a configuration writes them: "100GiB", "60s", "168h". Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::conf {

constexpr int64_t kDurationMaxMs = 100LL * 365 * 86'400'000;  // longer ones are refused

// A whole number and B, KiB, MiB, GiB or TiB. The error says what is expected.
[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);
// A whole number and ms, s, m, h or d, in milliseconds; "0" needs no unit.
[[nodiscard]] Result<int64_t> parse_duration_ms(std::string_view text);

std::string size_text(uint64_t bytes);  // "100GiB": the largest unit that is exact
std::string duration_text(int64_t ms);  // "7d": likewise

}  // namespace breakwater::conf
