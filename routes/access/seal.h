// Texts that nobody but this appliance can have written: each has an HMAC-SHA256 (RFC 2104) under a key that
// the data folder keeps, so they are good after a restart too. They are sealed, not hidden: who has one can
// read it.
//
//   const std::string text = seal.of("page", R"({"user":"alice"})");
//   seal.open("page", text)      // the JSON; nothing for whatever else, or for another purpose
//
// Pure but for its key; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "store/base/secret.h"

namespace breakwater::routes {

class Seal {
 public:
  static constexpr size_t kKeyBytes = 32;

  explicit Seal(store::Secret key) : key_(std::move(key)) {}

  // Of base64url, a dot and hexadecimal digits. A text sealed for one purpose is none for another.
  std::string of(std::string_view purpose, std::string_view text) const;
  std::optional<std::string> open(std::string_view purpose, std::string_view sealed) const;
  // By which a text is known again, and not learned: 64 hexadecimal digits.
  std::string mark(std::string_view text) const;

 private:
  store::Secret key_;
};

}  // namespace breakwater::routes
