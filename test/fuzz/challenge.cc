// Whatever a WWW-Authenticate header holds, it is read to its end: no value is longer than the header, names
// and schemes are tokens in lower case.
#include "proxy/upstream/challenge.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_token(std::string_view text) {
  require(!text.empty());
  for (char c : text)
    require(c > ' ' && c < 0x7f && c != '"' && c != ',' && c != '=' && !(c >= 'A' && c <= 'Z'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::proxy;
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  for (const Challenge& challenge : parse_challenges(header)) {
    require_token(challenge.scheme);
    for (const auto& parameter : challenge.parameters) {
      require_token(parameter.name);
      require(parameter.value.size() <= size);
    }
    const std::string address =
        token_url(challenge.get("realm"), challenge.get("service"), challenge.get("scope"));
    require(address.starts_with(challenge.get("realm")));
  }
  return 0;
}
