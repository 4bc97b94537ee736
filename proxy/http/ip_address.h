// IP addresses and networks as values, and what stands behind an address: a host of the internet, one of a
// private network, or something that no name should lead to. Any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::proxy {

// An IPv4 address is kept as the IPv6 address that it is mapped to (::ffff:10.0.0.7), so that both spellings
// are equal.
class IpAddress {
 public:
  using Bytes = std::array<uint8_t, 16>;

  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  // "10.0.0.7", "fd00::1", "::ffff:10.0.0.7": no brackets, no zone, and of IPv4 only four decimal numbers.
  static std::optional<IpAddress> parse(std::string_view text);

  const Bytes& bytes() const { return bytes_; }
  bool is_ipv4() const;
  std::string text() const;  // "10.0.0.7", "fd00::1"

  auto operator<=>(const IpAddress&) const = default;

 private:
  Bytes bytes_;
};

// The addresses that share a prefix. One address is a network too. IPv4 is none of IPv6: "::/0" holds no IPv4
// address, though those are kept as mapped ones. "::ffff:0:0/96" and what is in it are networks of IPv4.
class IpNetwork {
 public:
  // Parses "10.0.20.0/24", "fd00::/8", "192.168.1.7" and "::1". The error is `invalid` and quotes the text.
  // An address with bits set after its prefix (10.0.20.7/24) is refused, because it is more likely a mistake
  // than intended.
  [[nodiscard]] static Result<IpNetwork> parse(std::string_view text);
  static IpNetwork one(const IpAddress& address) { return {address, 128}; }
  // The network that `address` is in: a /24 of IPv4, a /64 of IPv6.
  static IpNetwork around(const IpAddress& address);

  bool contains(const IpAddress& address) const;
  bool is_one_address() const { return prefix_ == 128; }

 private:
  IpNetwork(const IpAddress& address, unsigned prefix) : address_(address), prefix_(prefix) {}

  IpAddress address_;
  unsigned prefix_;  // bits; 96 more than written for IPv4
};

enum class AddressKind {
  // A host of the internet.
  global,
  // RFC 1918, unique local (fc00::/7), carrier-grade NAT (RFC 6598), networks for benchmarks (198.18.0.0/15),
  // and 64:ff9b:1::/48, of which only its own network knows where it leads.
  private_network,
  // Loopback, link-local, and the metadata services of clouds, which hand out credentials to whoever asks;
  // and what is no host's address: unspecified, multicast, broadcast, documentation, reserved.
  special,
};

// IPv6 addresses that carry an IPv4 address are of the kind of that one: IPv4-compatible (::10.0.0.7), NAT64
// (64:ff9b::/96 and 64:ff9b:1::/96), 6to4 (2002::/16) and Teredo (2001::/32).
AddressKind kind_of(const IpAddress& address);

}  // namespace breakwater::proxy
