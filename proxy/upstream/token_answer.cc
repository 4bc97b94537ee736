#include "proxy/upstream/token_answer.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

namespace breakwater::proxy {
namespace {

using nlohmann::json;

constexpr int64_t kExpiresInDefault_s = 60;
constexpr int64_t kExpiresInMax_s = int64_t{24} * 60 * 60;
constexpr size_t kTokenBytesMax = size_t{32} * 1024;

// Whether the text can be sent in a header. RFC 6750's b64token is stricter; what matters is that the text
// cannot end the header or the line.
bool fits_header(std::string_view text) {
  return !text.empty() && text.size() <= kTokenBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string text_of(const json& answer, const char* name) {
  auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// A number, or one in a string.
double number_of(const json& value) {
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? std::strtod(value.get_ref<const std::string&>().c_str(), nullptr) : 0;
}

int64_t expires_in_of(const json& answer) {
  auto found = answer.find("expires_in");
  const double seconds = found == answer.end() ? 0 : number_of(*found);
  return seconds > 0 ? static_cast<int64_t>(std::clamp(seconds, 1.0, double{kExpiresInMax_s}))
                     : kExpiresInDefault_s;
}

// The moment of an RFC 3339 time such as "2026-11-26T06:40:00.123Z" or "…+01:00"; nothing for other text.
std::optional<int64_t> epoch_of(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.')
    for (++rest; *rest >= '0' && *rest <= '9';) ++rest;
  const int64_t seconds = timegm(&parts);
  if (std::string_view(rest) == "Z" || std::string_view(rest) == "z") return seconds;
  std::tm zone{};
  const bool is_zone = (*rest == '+' || *rest == '-') && strptime(rest + 1, "%H:%M", &zone) != nullptr;
  if (!is_zone) return std::nullopt;
  const int64_t ahead_s = int64_t{zone.tm_hour} * 3600 + int64_t{zone.tm_min} * 60;
  return *rest == '+' ? seconds - ahead_s : seconds + ahead_s;
}

}  // namespace

Result<Token> parse_token(std::string_view text) {
  json answer = json::parse(text, nullptr, false);
  if (!answer.is_object())
    return failure(Error::Kind::corrupt, "the token endpoint's answer is no JSON object");
  Token token;
  token.text = text_of(answer, "token");
  if (!fits_header(token.text)) token.text = text_of(answer, "access_token");
  if (!fits_header(token.text))
    return failure(Error::Kind::corrupt, "the token endpoint's answer holds no usable token");
  token.expires_in_s = expires_in_of(answer);
  token.issued_at_s = epoch_of(text_of(answer, "issued_at"));
  return token;
}

}  // namespace breakwater::proxy
