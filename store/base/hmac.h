// HMAC-SHA256 (RFC 2104), for who has to show that a message is ours. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace breakwater::store {

// 64 lower-case hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace breakwater::store
