// A Url is an http or https address, taken apart once and kept in a normal form: scheme and host in lower
// case, the port always known, no fragment. One that holds a user name or password is refused: secrets come
// from the settings alone, never from somebody else's redirect. Values; any thread.
//
// The query of a redirect may be a signature that opens a private blob. So there are two ways to print a Url:
// text() is for the wire, without_query() is for logs and errors.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::proxy {

// Who is spoken to, and thus whom a secret is for (field notes 4.2, rule 1).
struct Endpoint {
  std::string scheme;
  std::string host;  // an IPv6 address has no brackets here
  uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  std::string text() const;       // "https://ghcr.io", "http://[::1]:5000"
  std::string authority() const;  // "ghcr.io", "[::1]:5000": without a port that is the scheme's own
};

class Url {
 public:
  // The errors are `invalid` and do not quote the query.
  [[nodiscard]] static Result<Url> parse(std::string_view text);
  // `reference` as it stands in a Location header: absolute, or relative to this.
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
// "fd00::1", "::ffff:127.0.0.1". False for what is no IP address.
bool is_private_address(std::string_view host);
bool is_ip_address(std::string_view host);
// is_private_address(), or a name that means this machine by definition (RFC 6761): "localhost",
// "x.localhost".
bool names_private_network(std::string_view host);

// Whether one owner stands behind both names: the last two labels agree, or the last three under something
// like "co.uk". Addresses and single labels are their own domain.
bool same_registrable_domain(std::string_view a, std::string_view b);

// Whether `list` holds "host" or "host:port" of that endpoint.
bool is_listed(const std::vector<std::string>& list, const Endpoint& endpoint);

}  // namespace breakwater::proxy
