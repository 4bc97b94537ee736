#include "proxy/http/request_id.h"

#include <cstddef>

namespace breakwater::proxy {
namespace {

constexpr size_t kGivenBytesMax = 64;
constexpr size_t kDigits = 16;

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The trace id of "00-<32 hex>-<16 hex>-<2 hex>", or "".
std::string_view trace_of_parent(std::string_view value) {
  if (value.size() != 55 || !value.starts_with("00-") || value[35] != '-' || value[52] != '-') return {};
  const auto id = value.substr(3, 32);
  const bool is_zero = id.find_first_not_of('0') == std::string_view::npos;
  return is_lower_hex(id) && !is_zero ? id : std::string_view();
}

bool is_id(std::string_view text) {
  if (text.empty() || text.size() > kGivenBytesMax) return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
         std::string_view::npos;
}

}  // namespace

std::string_view given_request_id(const Headers& headers) {
  if (const auto parent = trace_of_parent(headers.get("traceparent")); !parent.empty()) return parent;
  const auto id = headers.get("X-Request-Id");
  return is_id(id) ? id : std::string_view();
}

void RequestIds::renew(std::string& id) {
  id.assign(kDigits, '0');
  uint64_t value = random_();
  for (auto digit = id.rbegin(); value != 0; ++digit, value >>= 4) *digit = "0123456789abcdef"[value & 15];
}

}  // namespace breakwater::proxy
