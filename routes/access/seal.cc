#include "routes/access/seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

#include "routes/access/jose.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kOfMarks = "mark";

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

}  // namespace

// The purpose has no NUL, so no two pairs are one text.
std::string Seal::code(std::string_view purpose, std::string_view text) const {
  std::string whole(purpose);
  whole.append(1, '\0').append(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key_.view().data(), static_cast<int>(key_.view().size()),
           reinterpret_cast<const unsigned char*>(whole.data()), whole.size(), bytes.data(), &size);
  if (made == nullptr) throw std::runtime_error("no HMAC can be made");
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string Seal::of(std::string_view purpose, std::string_view text) const {
  return base64url(text) + "." + base64url(code(purpose, text));
}

std::optional<std::string> Seal::open(std::string_view purpose, std::string_view sealed) const {
  const size_t dot = sealed.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto text = base64url_decoded(sealed.substr(0, dot));
  const auto given = base64url_decoded(sealed.substr(dot + 1));
  if (!text || !given || !store::same_secret(*given, code(purpose, *text))) return std::nullopt;
  return text;
}

std::string Seal::mark(std::string_view text) const { return hex_of(code(kOfMarks, text)); }

}  // namespace breakwater::routes
