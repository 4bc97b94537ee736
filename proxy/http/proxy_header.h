// The header of the PROXY protocol, which a proxy that passes bytes on sends before them: who has connected
// to it. Version 1 is a line of text, version 2 is binary:
//
//   PROXY TCP4 10.0.0.7 10.0.0.1 56324 443\r\n
//   \r\n\r\n\0\r\nQUIT\n  0x21  0x11  length  source  destination  ports  TLVs
//
// as https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt has it. What else version 2 can say (TLVs)
// is skipped. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http/ip_address.h"

namespace breakwater::proxy {

inline constexpr size_t kProxyHeaderBytesMax = 4096;

struct ProxyHeader {
  enum class Progress : uint8_t { more, done, failed };
  Progress progress = Progress::more;
  size_t length = 0;                     // of a whole one; what follows is the client's
  std::optional<IpAddress> client = {};  // nothing: the connection is the proxy's own (LOCAL, UNKNOWN)
  const char* why = "";                  // of one that failed: a literal
};

// `begun` is what has come of the connection so far. As long as there is `more`, all of it belongs to the
// header.
ProxyHeader parse_proxy_header(std::string_view begun);

}  // namespace breakwater::proxy
