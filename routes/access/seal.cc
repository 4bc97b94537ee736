#include "routes/access/seal.h"

#include "routes/access/jose.h"
#include "store/base/hmac.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kOfMarks = "mark";

// No purpose has a NUL, so no two pairs are one text.
std::string whole(std::string_view purpose, std::string_view text) {
  return std::string(purpose).append(1, '\0').append(text);
}

}  // namespace

std::string Seal::of(std::string_view purpose, std::string_view text) const {
  return base64url(text) + "." + store::hmac_sha256(key_.view(), whole(purpose, text));
}

std::optional<std::string> Seal::open(std::string_view purpose, std::string_view sealed) const {
  const size_t dot = sealed.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto text = base64url_decoded(sealed.substr(0, dot));
  if (!text) return std::nullopt;
  const auto code = store::hmac_sha256(key_.view(), whole(purpose, *text));
  if (!store::same_secret(sealed.substr(dot + 1), code)) return std::nullopt;
  return text;
}

std::string Seal::mark(std::string_view text) const {
  return store::hmac_sha256(key_.view(), whole(kOfMarks, text));
}

}  // namespace breakwater::routes
