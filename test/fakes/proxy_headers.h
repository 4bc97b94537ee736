// Headers of the PROXY protocol, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace breakwater::test {

inline constexpr uint8_t kTcp4 = 0x11;
inline constexpr uint8_t kTcp6 = 0x21;

// Version 2. `command`: 0x21, or 0x20 for a connection of the proxy's own.
inline std::string binary_header(uint8_t command, uint8_t family, std::string_view rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  for (const size_t byte : {size_t{command}, size_t{family}, rest.size() / 256, rest.size() % 256})
    header += static_cast<char>(byte);
  return header.append(rest);
}

// Version 1.
inline std::string text_header(const std::string& client) {
  return "PROXY TCP4 " + client + " 10.0.0.1 56324 443\r\n";
}

}  // namespace breakwater::test
