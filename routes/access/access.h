// The lists of networks, in CIDR notation, that may use a route. A Networks is a value; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/http/ip_address.h"
#include "store/base/result.h"

namespace breakwater::routes {

class Networks {
 public:
  // Parses entries such as "10.0.20.0/24", "fd00::/8", "192.168.1.7" and "::1". The error is `invalid` and
  // quotes the entry. An address with bits set after its prefix (10.0.20.7/24) is refused, because it is more
  // likely a mistake than intended.
  [[nodiscard]] static Result<Networks> parse(const std::vector<std::string>& entries);
  // Loopback, RFC 1918 and unique local addresses (fc00::/7).
  static Networks internal();
  static Networks loopback();

  bool allows(const proxy::Peer& peer) const;
  const std::vector<std::string>& text() const { return text_; }  // as given to parse()

 private:
  std::vector<proxy::IpNetwork> networks_;
  std::vector<std::string> text_;
};

// What a client is told that is in none of these networks: its address, the key of the configuration that
// has them, and the route, unless the key is of no route.
std::string not_allowed_text(const proxy::Peer& peer, std::string_view key, std::string_view route = {});

}  // namespace breakwater::routes
