// Hashes of passwords, as crypt(3) writes them: bcrypt ($2a$, $2b$, $2y$), yescrypt ($y$), sha512-crypt ($6$)
// and sha256-crypt ($5$). What is as cheap to guess as it is to check is refused, and so is what would take
// this machine more time or memory than a login is worth.
//
// Any thread.
#pragma once

#include <string>
#include <string_view>

#include "store/base/result.h"
#include "store/base/secret.h"

namespace breakwater::routes {

inline constexpr unsigned kBcryptCostMax = 14;          // about a second
inline constexpr unsigned kShaRoundsMax = 1'000'000;    // likewise
inline constexpr size_t kYescryptBytesMax = 64U << 20;  // of memory
inline constexpr size_t kPasswordBytesMax = 511;        // what crypt(3) takes

// Whether the hash is one of these, as a whole and within the bounds. The error says what is wrong with it
// and what to do, and quotes nothing of it.
[[nodiscard]] Result<> check_hash(std::string_view hash);

// Whether the password has that hash, which passed check_hash(). Takes as long for a wrong password as for
// the right one: from a millisecond to a second. A password beyond kPasswordBytesMax or with a NUL is never
// right. What was computed is overwritten before this returns.
bool has_hash(const store::Secret& password, const std::string& hash);

}  // namespace breakwater::routes
