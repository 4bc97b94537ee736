// Any bytes are a file of users or refused with a line, in a sentence that can stand in a log. Who is in it
// has a hash that is taken.
#include "routes/access/htpasswd.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "routes/access/password_hash.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto users = routes::Htpasswd::parse(text, "users");
  if (!users) {
    const auto& message = users.error().message;
    require(users.error().kind == Error::Kind::invalid && message.starts_with("users "));
    require(std::none_of(message.begin(), message.end(), [](char c) { return c >= 0 && c < ' '; }));
    return 0;
  }
  require(users->size() <= size);
  for (const char* name : {"alice", "", "nobody"}) {
    const auto to_check = users->to_check(name, "seed");
    require((to_check.hash != nullptr) == (users->size() > 0));
    if (to_check.hash != nullptr) require(routes::check_hash(*to_check.hash).has_value());
    require(to_check.is_known == (users->hash_of(name) != nullptr));
  }
  return 0;
}
