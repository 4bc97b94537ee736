#include "routes/access/access.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace breakwater::routes {
namespace {

constexpr unsigned kMappedBits = 96;  // the prefix of ::ffff:0:0/96, which holds IPv4 inside IPv6

bool same_prefix(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b, unsigned bits) {
  const unsigned bytes = bits / 8, rest = bits % 8;
  if (!std::equal(a.begin(), a.begin() + bytes, b.begin())) return false;
  return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool has_bits_behind(const std::array<uint8_t, 16>& address, unsigned prefix) {
  for (unsigned bit = prefix; bit < 128; ++bit) {
    if ((address[bit / 8] >> (7 - bit % 8)) & 1) return true;
  }
  return false;
}

}  // namespace

Result<Networks::Network> Networks::parse_one(const std::string& entry) {
  const auto bad = [&entry](const char* why) {
    return failure(Error::Kind::invalid, "'" + entry + "' " + why);
  };
  const size_t slash = entry.find('/');
  const std::string address = entry.substr(0, slash);
  Network network;
  const bool v4 = inet_pton(AF_INET, address.c_str(), network.address.data() + 12) == 1;
  if (v4) {
    network.address[10] = network.address[11] = 0xff;
  } else if (inet_pton(AF_INET6, address.c_str(), network.address.data()) != 1) {
    return bad("is no IP address or network (10.0.20.0/24, fd00::/8)");
  }
  network.prefix = 128;
  if (slash != std::string::npos) {
    const char* const end = entry.data() + entry.size();
    unsigned bits = 0;
    const auto [stop, error] = std::from_chars(entry.data() + slash + 1, end, bits);
    if (error != std::errc() || stop != end || bits > (v4 ? 32U : 128U))
      return bad("has no valid prefix length");
    network.prefix = v4 ? bits + kMappedBits : bits;
  }
  if (has_bits_behind(network.address, network.prefix)) return bad("has bits set behind its prefix");
  return network;
}

Result<Networks> Networks::parse(const std::vector<std::string>& entries) {
  Networks networks;
  for (const auto& entry : entries) {
    auto network = parse_one(entry);
    if (!network) return failure(std::move(network.error()));
    networks.networks_.push_back(*network);
    networks.text_.push_back(entry);
  }
  return networks;
}

Networks Networks::internal() {
  return *parse({"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"});
}

bool Networks::allows(const proxy::Peer& peer) const {
  return std::any_of(networks_.begin(), networks_.end(), [&peer](const Network& network) {
    return same_prefix(network.address, peer.address, network.prefix);
  });
}

}  // namespace breakwater::routes
