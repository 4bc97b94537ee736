// What a client says in Authorization (RFC 9110 11.6.2): Basic (RFC 7617) or Bearer (RFC 6750). Pure; any
// thread.
//
//   auto given = credentials_of(request.headers);
//   if (!given) …     // malformed: `invalid`, in a sentence that quotes nothing of it
//   if (!*given) …    // the client says nothing of itself
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proxy/http/http.h"
#include "store/base/result.h"
#include "store/base/secret.h"

namespace breakwater::routes {

struct Credentials {
  enum class Kind : uint8_t { basic, bearer };
  Kind kind = Kind::basic;
  std::string user;      // of Basic; may be empty
  store::Secret secret;  // the password, or the token
};

// Tokens of CI systems have some KiB.
inline constexpr size_t kAuthorizationBytesMax = 16 << 10;

[[nodiscard]] Result<std::optional<Credentials>> credentials_of(const proxy::Headers& headers);

}  // namespace breakwater::routes
