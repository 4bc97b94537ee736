// Any text is read as a token or refused in one line that can be shown. What is read has names that can be
// shown, and is nobody's while no key has signed it.
#include "routes/access/jwt.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/base/printable.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_sentence(const breakwater::Error& error) {
  require(error.kind == breakwater::Error::Kind::denied && !error.message.empty());
  require(error.message.size() < 4096 && breakwater::store::printable(error.message) == error.message);
}

// One key of P-256: the base point.
constexpr std::string_view kKeys = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k",
  "x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater;
  static const auto keys = routes::KeySet::parse(kKeys);
  require(keys && keys->size() == 1);
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  routes::Jwt::is_like(token);
  const auto jwt = routes::Jwt::parse(token);
  if (!jwt) {
    require_sentence(jwt.error());
    return 0;
  }
  require(size <= routes::Jwt::kBytesMax && !jwt->issuer().empty() && !jwt->subject().empty());
  require(store::printable(jwt->name()) == jwt->name());
  const auto is_signed = jwt->check_signature(*keys);
  require(!is_signed);
  require_sentence(is_signed.error());
  if (const auto timely = jwt->check_times(store::Time(std::chrono::seconds(1'700'000'000))); !timely)
    require_sentence(timely.error());
  for (const char* claim : {"sub", "kubernetes.io/namespace", "a/b/c", "/", ""}) {
    jwt->says(routes::ClaimPattern{claim, {"*a*", "b"}});
    require(!jwt->claim_in_words(claim).empty());
  }
  for (const auto& audience : jwt->audiences()) require(jwt->is_for(audience));
  return 0;
}
