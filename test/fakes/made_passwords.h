// Hashes of passwords as crypt(3) makes them, as cheap as they may be.
#pragma once

#include <crypt.h>

#include <array>
#include <memory>
#include <string>

#include "test/catch.h"

namespace breakwater::test {

// `prefix`: "$2b$", "$y$", "$6$", "$5$"; `cost` as crypt_gensalt(3) has it, 0 for its default.
inline std::string hash_of(const std::string& password, const char* prefix = "$2b$", unsigned long cost = 4) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  REQUIRE(crypt_gensalt_rn(prefix, cost, nullptr, 0, setting.data(), static_cast<int>(setting.size())) !=
          nullptr);
  const auto data = std::make_unique<crypt_data>();
  const char* hash = crypt_r(password.c_str(), setting.data(), data.get());
  REQUIRE(hash != nullptr);
  REQUIRE(hash[0] != '*');
  return hash;
}

inline std::string htpasswd_line(const std::string& user, const std::string& password) {
  return user + ":" + hash_of(password) + "\n";
}

}  // namespace breakwater::test
