#include "routes/access/jose.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "routes/oci/json_bounds.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> digits_by_character() {
  std::array<uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (size_t i = 0; i < kDigits.size(); ++i)
    digits[static_cast<uint8_t>(kDigits[i])] = static_cast<uint8_t>(i);
  return digits;
}

constexpr auto kDigitOf = digits_by_character();

}  // namespace

std::optional<std::string> base64url_decoded(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;  // those that no byte has taken yet, in the lowest `count`
  unsigned count = 0;
  for (const char character : text) {
    const uint8_t digit = kDigitOf[static_cast<uint8_t>(character)];
    if (digit == kNoDigit) return std::nullopt;
    bits = bits << 6 | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
    bits &= (1U << count) - 1;
  }
  if (count >= 6 || bits != 0) return std::nullopt;
  return bytes;
}

std::string base64url(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  uint32_t bits = 0;  // those that no digit has taken yet, in the lowest `count`
  unsigned count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 0x3f];
    bits &= (1U << count) - 1;
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 0x3f];
  return text;
}

std::optional<json> unambiguous_object(std::string_view text, size_t values_max) {
  if (!json_within_bounds(text) || !begins_json_object(text)) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // the parser would take it for the end
  std::vector<std::set<std::string>> names;  // of the objects that are open, the innermost last
  bool is_twice = false;
  size_t values = 0;
  const auto note = [&](int, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::value || event == Event::object_start || event == Event::array_start) ++values;
    if (values > values_max) return false;  // it is not kept, nor is what follows
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key) is_twice |= !names.back().insert(parsed.get<std::string>()).second;
    return true;
  };
  json object = json::parse(text, note, false);
  if (!object.is_object() || is_twice || values > values_max) return std::nullopt;
  return object;
}

}  // namespace breakwater::routes
