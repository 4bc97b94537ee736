#include "routes/access/credentials.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace breakwater::routes {
namespace {

constexpr std::string_view kAuthorization = "authorization";

tl::unexpected<Error> wrong(const char* what) {
  Error error{Error::Kind::invalid, what, 0, "send Authorization: Basic or Bearer"};
  return failure(std::move(error));
}

bool is_letter_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// "token68" of RFC 9110, which both schemes use.
bool is_token68(std::string_view text) {
  const size_t end = std::min(text.find('='), text.size());
  const auto is_plain = [](char c) {
    return is_letter_or_digit(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
  };
  const auto is_padding = [](char c) { return c == '='; };
  return end > 0 && std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), is_plain) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), is_padding);
}

// -1 for what is none of base64's.
int six_bits_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Into `into`, which has room for it. Padding may be left out, but what is there has to be right.
bool decode_base64(std::string_view text, std::string& into) {
  const size_t end = std::min(text.find('='), text.size());
  const size_t padding = text.size() - end, rest = end % 4;
  if (rest == 1 || (padding > 0 && padding != 4 - rest)) return false;
  uint32_t bits = 0;
  for (size_t i = 0; i < end; ++i) {
    const int six = six_bits_of(text[i]);
    if (six < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(six);
    if (i % 4 > 0) into.push_back(static_cast<char>(bits >> (6 - i % 4 * 2)));
  }
  return true;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Overwritten at the end, and never moved before.
struct Decoded {
  explicit Decoded(size_t bytes_max) { text.reserve(bytes_max); }
  ~Decoded() { store::cleanse(text); }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  std::string text;
};

Result<std::optional<Credentials>> basic_of(std::string_view value) {
  Decoded decoded(value.size());
  if (!decode_base64(value, decoded.text)) return wrong("the Basic credentials are no base64");
  const std::string_view text = decoded.text;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return wrong("the Basic credentials have no colon behind the user");
  if (has_control_character(text)) return wrong("the Basic credentials have control characters");
  Credentials credentials;
  credentials.user = text.substr(0, colon);
  credentials.secret = store::Secret(text.substr(colon + 1));
  return credentials;
}

}  // namespace

Result<std::optional<Credentials>> credentials_of(const proxy::Headers& headers) {
  const std::string* found = nullptr;
  for (const auto& header : headers) {
    if (!proxy::same_token(header.name, kAuthorization)) continue;
    if (found != nullptr) return wrong("the request has Authorization more than once");
    found = &header.value;
  }
  if (found == nullptr) return std::nullopt;
  const std::string_view text = *found;
  if (text.size() > kAuthorizationBytesMax) return wrong("Authorization has more than 16 KiB");
  const std::string_view scheme = text.substr(0, text.find(' '));
  const size_t begin = std::min(text.find_first_not_of(' ', scheme.size()), text.size());
  const std::string_view value = text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
  const bool is_basic = proxy::same_token(scheme, "basic");
  if (!is_basic && !proxy::same_token(scheme, "bearer"))
    return wrong("Authorization is neither Basic nor Bearer");
  if (!is_token68(value))
    return wrong(is_basic ? "the Basic credentials are no base64" : "the Bearer token is malformed");
  if (is_basic) return basic_of(value);
  Credentials credentials;
  credentials.kind = Credentials::Kind::bearer;
  credentials.secret = store::Secret(value);
  return credentials;
}

}  // namespace breakwater::routes
