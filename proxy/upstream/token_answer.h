// What a token endpoint answers, as the distribution's token specification and OAuth 2 have it. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::proxy {

struct Token {
  std::string text;
  int64_t expires_in_s = 60;           // from `issued_at_s`, or from when the answer came
  std::optional<int64_t> issued_at_s;  // since the epoch
};

// Reads the answer of a token endpoint: `token` or `access_token`, `expires_in` and `issued_at`. The error is
// `corrupt` if the answer holds no token that can stand in a header.
[[nodiscard]] Result<Token> parse_token(std::string_view json);

}  // namespace breakwater::proxy
