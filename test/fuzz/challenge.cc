// Whatever WWW-Authenticate fields hold, they are read to their end: no value is longer than the field, names
// and schemes are tokens in lower case, and what we ask a realm with has no user name. A line of the input is
// a field.
#include "proxy/upstream/challenge.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
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

// Nothing stands before the host, and what we add is not behind a fragment.
void require_sendable(std::string_view address) {
  require(address.find('#') == std::string_view::npos);
  const size_t slashes = address.find("://");
  if (slashes == std::string_view::npos || address.find_first_of("/?") < slashes) return;
  const std::string_view rest = address.substr(slashes + 3);
  require(rest.substr(0, rest.find_first_of("/?")).find('@') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::proxy;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Headers headers;
  while (!text.empty()) {
    const size_t line = std::min(text.find('\n'), text.size());
    headers.add("www-authenticate", std::string(text.substr(0, line)));
    text.remove_prefix(std::min(line + 1, text.size()));
  }
  for (const Challenge& challenge : challenges_of(headers)) {
    require_token(challenge.scheme);
    for (const auto& parameter : challenge.parameters) {
      require_token(parameter.name);
      require(parameter.value.size() <= size);
    }
    require_sendable(token_url(challenge.get("realm"), challenge.get("service"), challenge.get("scope")));
  }
  return 0;
}
