#include "proxy/http/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>
#include <vector>

namespace breakwater::proxy {
namespace {

using Bytes = IpAddress::Bytes;

constexpr unsigned kMappedBits = 96;  // the prefix of ::ffff:0:0/96, which holds IPv4 inside IPv6
constexpr unsigned kAllBits = 128;

Bytes mapped(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

bool has_bits_behind(const Bytes& bytes, unsigned prefix) {
  for (unsigned bit = prefix; bit < kAllBits; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8)) & 1) return true;
  }
  return false;
}

std::vector<IpNetwork> networks(std::initializer_list<const char*> texts) {
  std::vector<IpNetwork> list;
  for (const char* text : texts) list.push_back(*IpNetwork::parse(text));
  return list;
}

bool any_contains(const std::vector<IpNetwork>& list, const IpAddress& address) {
  return std::any_of(list.begin(), list.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

bool is_within(const IpAddress& address, const char* network) {
  return IpNetwork::parse(network)->contains(address);
}

// The IPv4 address that an IPv6 address leads to.
std::optional<IpAddress> embedded_ipv4(const IpAddress& address) {
  const Bytes& a = address.bytes();
  const bool at_end = is_within(address, "::/96") || is_within(address, "64:ff9b::/96") ||
                      is_within(address, "64:ff9b:1::/96");
  if (at_end) return IpAddress(mapped(a[12], a[13], a[14], a[15]));
  if (is_within(address, "2002::/16")) return IpAddress(mapped(a[2], a[3], a[4], a[5]));
  const auto inverted = [&a](size_t at) { return static_cast<uint8_t>(~a[at]); };
  if (is_within(address, "2001::/32"))
    return IpAddress(mapped(inverted(12), inverted(13), inverted(14), inverted(15)));
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  Bytes bytes = mapped(0, 0, 0, 0);
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data() + 12) == 1) return IpAddress(bytes);
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return std::nullopt;
}

bool IpAddress::is_ipv4() const {
  const Bytes prefix = mapped(0, 0, 0, 0);
  return std::equal(prefix.begin(), prefix.begin() + kMappedBits / 8, bytes_.begin());
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_ipv4())
    inet_ntop(AF_INET, bytes_.data() + kMappedBits / 8, text.data(), text.size());
  else
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto bad = [text](const std::string& why) {
    return failure(Error::Kind::invalid, "'" + std::string(text) + "' " + why);
  };
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad("is no IP address or network (10.0.20.0/24, fd00::/8)");
  if (slash == std::string_view::npos) return IpNetwork(*address, kAllBits);
  const bool as_ipv4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned bits_max = as_ipv4 ? kAllBits - kMappedBits : kAllBits;
  unsigned bits = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
  if (error != std::errc() || stop != end || bits > bits_max)
    return bad("has no valid prefix length: write a number from 0 to " + std::to_string(bits_max));
  const unsigned prefix = as_ipv4 ? bits + kMappedBits : bits;
  if (has_bits_behind(address->bytes(), prefix))
    return bad("has bits set behind its prefix: write the network's first address, or one address without /");
  return IpNetwork(*address, prefix);
}

IpNetwork IpNetwork::around(const IpAddress& address) {
  return {address, address.is_ipv4() ? kMappedBits + 24 : 64};
}

bool IpNetwork::contains(const IpAddress& address) const {
  if (address_.is_ipv4() != address.is_ipv4()) return false;
  const Bytes &a = address_.bytes(), &b = address.bytes();
  const unsigned bytes = prefix_ / 8, rest = prefix_ % 8;
  if (!std::equal(a.begin(), a.begin() + bytes, b.begin())) return false;
  return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

AddressKind kind_of(const IpAddress& address) {
  static const auto loopback_and_none = networks({"::", "::1"});
  if (any_contains(loopback_and_none, address)) return AddressKind::special;
  if (const auto inner = embedded_ipv4(address)) return kind_of(*inner);

  static const auto special = networks(
      {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
       "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "3fff::/20",
       // Metadata and agents of clouds: Alibaba, Azure; AWS, Google, Scaleway.
       "100.100.100.200", "168.63.129.16", "fd00:ec2::/32", "fd20:ce::254", "fd00:42::42"});
  if (any_contains(special, address)) return AddressKind::special;
  static const auto private_networks =
      networks({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7",
                "fec0::/10", "64:ff9b:1::/48"});
  if (any_contains(private_networks, address)) return AddressKind::private_network;
  // Nothing else of IPv6 is given to hosts: link-local, multicast, discard and all that is reserved.
  return address.is_ipv4() || is_within(address, "2000::/3") ? AddressKind::global : AddressKind::special;
}

}  // namespace breakwater::proxy
