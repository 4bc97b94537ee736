#include "store/base/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace breakwater::store {
namespace {

// The code point at the start of `text`, and how many bytes it takes; 0 if it is not UTF-8.
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;
};

CodePoint first_of(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  if (bytes == 0 || first > 0xf4 || text.size() < bytes) return {};
  uint32_t value = first & (0xffU >> (bytes + 1));
  for (size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(at) & 0x3fU);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < kLeast[bytes] || value > 0x10ffff || is_surrogate ? CodePoint() : CodePoint{value, bytes};
}

bool is_shown(uint32_t point) {
  const bool is_control = point < 0x20 || (point >= 0x7f && point <= 0x9f);
  const bool is_break = point == 0x2028 || point == 0x2029;
  const bool is_direction = point == 0x061c || point == 0x200e || point == 0x200f ||
                            (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return !is_control && !is_break && !is_direction;
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    const size_t bytes = std::max<size_t>(point.bytes, 1);
    if (point.bytes > 0 && is_shown(point.value)) {
      shown += text.substr(0, bytes);
    } else {
      for (const char c : text.substr(0, bytes)) {
        const auto byte = static_cast<uint8_t>(c);
        shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xf]};
      }
    }
    text.remove_prefix(bytes);
  }
  return shown;
}

}  // namespace breakwater::store
