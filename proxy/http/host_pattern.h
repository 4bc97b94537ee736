// An entry of a list of hosts in the settings:
//
//   "cdn.internal"     this host, at any port; "cdn.internal:8443" at this port
//   "*.internal"       every name below it, but not itself; "*.internal:8443" at this port
//   "10.1.2.3"         this address; "10.1.2.3:8443", "::1" and "[::1]:8443" likewise
//   "10.1.0.0/16"      every address of this network
//
// A HostPattern is a value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/ip_address.h"
#include "proxy/http/url.h"
#include "store/base/result.h"

namespace breakwater::proxy {

class HostPattern {
 public:
  // The error is `invalid`: it quotes the text, and says what is wrong and what to write.
  [[nodiscard]] static Result<HostPattern> parse(std::string_view text);

  const std::string& text() const { return text_; }  // as given to parse()
  bool has_port() const { return port_ != 0; }
  bool is_address() const { return network_.has_value(); }  // or a network

  // By its host as it is written and by its port.
  bool matches(const Endpoint& endpoint) const;
  // Also by `address`, to which the endpoint's host resolves.
  bool matches(const Endpoint& endpoint, const IpAddress& address) const;
  // Whether this names that one place and no group of them: its address, or its host and port. A name that
  // means this machine by definition ("localhost") names it without a port too.
  bool is_exactly(const Endpoint& endpoint, const IpAddress& address) const;

 private:
  explicit HostPattern(std::string_view text) : text_(text) {}
  bool has_port_of(const Endpoint& endpoint) const { return port_ == 0 || port_ == endpoint.port; }

  std::string text_;
  std::optional<IpNetwork> network_;  // else there is a name
  std::string name_;
  bool is_below_ = false;  // the names below name_ are meant
  uint16_t port_ = 0;      // 0: any
};

bool any_matches(const std::vector<HostPattern>& patterns, const Endpoint& endpoint);

// Whether the name means this machine by definition (RFC 6761): "localhost", "x.localhost".
bool is_localhost(std::string_view host);

}  // namespace breakwater::proxy
