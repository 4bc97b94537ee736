// Any bytes are read as the answer of a token endpoint or refused as corrupt. A token can stand in a header
// and lives for a second at least and a day at most.
#include "proxy/upstream/token_answer.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto token = breakwater::proxy::parse_token({reinterpret_cast<const char*>(data), size});
  if (!token) {
    require(token.error().kind == breakwater::Error::Kind::corrupt);
    return 0;
  }
  require(!token->text.empty() && token->text.size() <= size);
  for (char c : token->text) require(c > ' ' && c < 0x7f);
  require(token->expires_in_s >= 1 && token->expires_in_s <= 86'400);
  return 0;
}
