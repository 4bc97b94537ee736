// A Url is an http or https address in a normal form: scheme and host in lower case, the port always known,
// no fragment. Every spelling of an IP address (2130706433, 0x7f.1) is the address itself, and a host that is
// neither an address nor a name in ASCII is refused. An address that holds a user name or password is refused
// too, because secrets come from the settings alone and never from somebody else's redirect. Urls are values;
// any thread.
//
// The query of a redirect may be a signature that opens a private blob. So there are two ways to print a Url:
// text() for the wire, without_query() for logs and errors.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::proxy {

// The server that a request goes to, and so the server that a secret is for. Scheme and port are part of it:
// a secret for https is never sent over http.
struct Endpoint {
  std::string scheme;
  std::string host;  // an IPv6 address has no brackets here
  uint16_t port = 0;

  // Parses what a setting names: "https://ghcr.io", "http://registry.lan:5000", maybe with slashes at its
  // end. The error is `invalid`; it says what is wrong and what to write.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

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

// A host and maybe a port, as "registry.lan:5000", "10.0.0.7", "[::1]:5000": nothing if the text has no such
// form, or the port is no number from 0 to 65535. The host is not looked at.
struct HostAndPort {
  std::string host;  // without brackets
  std::optional<uint16_t> port;
};
std::optional<HostAndPort> split_port(std::string_view text);

}  // namespace breakwater::proxy
