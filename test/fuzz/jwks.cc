// Any text is a set of keys or corrupt, and so is what discovery says. What is taken is found by its name,
// and no key has signed nothing.
#include "routes/access/jwks.h"

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
  require(error.kind == breakwater::Error::Kind::corrupt && !error.message.empty());
  require(breakwater::store::printable(error.message) == error.message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::routes;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto uri = jwks_uri_of(text, "https://ci.example"); !uri) require_sentence(uri.error());
  const auto keys = KeySet::parse(text);
  if (!keys) {
    require_sentence(keys.error());
    return 0;
  }
  require(keys->size() <= KeySet::kKeysMax && keys->has_all_of(*keys));
  for (const auto algorithm : {SigningAlgorithm::rs256, SigningAlgorithm::es256})
    for (const std::string id : {"", "a", "k"})
      if (const PublicKey* key = keys->find(id, algorithm))
        require(!key->has_signed("", "") && !key->has_signed(text, std::string(64, '\0')) &&
                !key->has_signed(text, std::string(256, '\0')));
  const std::string_view why = keys->why_left_out("k");
  require(breakwater::store::printable(why) == why);
  return 0;
}
