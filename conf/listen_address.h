// An address that a listener binds: "<IPv4 address>:<port>", "[<IPv6 address>]:<port>" or "<name>:<port>". A
// name stands for every address that it resolves to at the start (listeners.h). A value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/ip_address.h"
#include "store/base/result.h"

namespace breakwater::conf {

class ListenAddress {
 public:
  // Port 0 picks a free port. The error is `invalid`; it quotes the text, and says what is wrong and what to
  // write.
  [[nodiscard]] static Result<ListenAddress> parse(std::string_view text);
  ListenAddress(const proxy::IpAddress& address, uint16_t port);

  std::string text() const;  // "127.0.0.1:5000", "[::1]:5000", "localhost:5000"
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }
  bool is_name() const { return !address_; }

  // Whether one process cannot listen on both. 0.0.0.0 takes its port of every IPv4 address, [::] of every
  // address. Of a name only the name itself is known.
  bool collides_with(const ListenAddress& other) const;

  bool operator==(const ListenAddress&) const = default;

 private:
  ListenAddress(std::string host, uint16_t port) : host_(std::move(host)), port_(port) {}
  bool takes(const ListenAddress& other) const;

  std::string host_;  // without brackets
  std::optional<proxy::IpAddress> address_;
  uint16_t port_ = 0;
};

}  // namespace breakwater::conf
