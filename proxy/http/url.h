// A Url is an http or https address in a normal form: scheme and host in lower case, the port always known,
// no fragment. An address that holds a user name or password is refused, because secrets come from the
// settings alone and never from somebody else's redirect. Urls are values; any thread.
//
// The query of a redirect may be a signature that opens a private blob. So there are two ways to print a Url:
// text() for the wire, without_query() for logs and errors.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::proxy {

// The server that a request goes to, and so the server that a secret is for. Scheme and port are part of it:
// a secret for https is never sent over http.
struct Endpoint {
  std::string scheme;
  std::string host;  // an IPv6 address has no brackets here
  uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  std::string text() const;       // "https://ghcr.io", "http://[::1]:5000"
  std::string authority() const;  // "ghcr.io", "[::1]:5000"; the scheme's default port is left out
};

class Url {
 public:
  // The error is `invalid` and does not quote the query.
  [[nodiscard]] static Result<Url> parse(std::string_view text);
  // Resolves what stands in a Location header: an absolute URL, or one that is relative to this.
  [[nodiscard]] Result<Url> resolve(std::string_view reference) const;

  const Endpoint& endpoint() const { return endpoint_; }
  bool secure() const { return endpoint_.scheme == "https"; }
  const std::string& host() const { return endpoint_.host; }
  const std::string& path() const { return path_; }
  bool has_query() const { return !query_.empty(); }

  std::string text() const;           // for the wire
  std::string without_query() const;  // for logs and errors

 private:
  [[nodiscard]] static Result<Url> take_apart(void* curl_url);
  Endpoint endpoint_;
  std::string path_;
  std::string query_;
};

// Loopback, private, link-local, carrier-grade NAT, unspecified and multicast addresses: "10.0.0.7",
// "fd00::1", "::ffff:127.0.0.1". False for anything that is not an IP address.
bool is_private_address(std::string_view host);
bool is_ip_address(std::string_view host);
// Whether `host` is a private address, or a name that means this machine by definition (RFC 6761):
// "localhost", "x.localhost".
bool names_private_network(std::string_view host);

// Whether both names belong to the same registered domain: their last two labels agree, or the last three
// where the ending is like "co.uk". False for IP addresses and for names of one label.
bool same_registrable_domain(std::string_view a, std::string_view b);

// Whether `list` holds "host" or "host:port" of that endpoint.
bool is_listed(const std::vector<std::string>& list, const Endpoint& endpoint);

}  // namespace breakwater::proxy
