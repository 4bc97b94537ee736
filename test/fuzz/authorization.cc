// Whatever Authorization holds, it is read or refused in a sentence of ours; what is read is no longer than
// what was given, and has no control character. A line of the input is a field.
#include "routes/access/credentials.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "routes/access/token_text.h"

namespace {

using breakwater::routes::Credentials;

void require(bool condition) {
  if (!condition) std::abort();
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  proxy::Headers headers;
  while (!text.empty()) {
    const size_t line = std::min(text.find('\n'), text.size());
    headers.add("authorization", std::string(text.substr(0, line)));
    text.remove_prefix(std::min(line + 1, text.size()));
  }
  const auto given = routes::credentials_of(headers);
  if (!given) {
    require(given.error().kind == Error::Kind::invalid && !given.error().message.empty());
    return 0;
  }
  require(given->has_value() == (headers.size() > 0));
  if (!*given) return 0;
  const Credentials& credentials = **given;
  const auto secret = credentials.secret.view();
  require(credentials.user.size() + secret.size() < size);
  require(!has_control_character(credentials.user) && !has_control_character(secret));
  if (credentials.kind == Credentials::Kind::bearer) require(!secret.empty() && credentials.user.empty());
  if (routes::is_token(secret)) require(secret.size() == 53);
  return 0;
}
