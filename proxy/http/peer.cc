#include "proxy/http/peer.h"

#include <algorithm>

namespace breakwater::proxy {

bool Peer::is_ipv4() const {
  // IPv4 mapped into IPv6: 80 bits of zero, 16 of one.
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

ClientKey Peer::client() const {
  ClientKey key = address;
  if (!is_ipv4()) std::fill(key.begin() + 8, key.end(), uint8_t{0});
  return key;
}

Peer peer_at(const IpAddress& address) { return {address.bytes(), address.text()}; }

uint64_t Peer::key() const {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | address.at(is_ipv4() ? 8 + i : i);
  return value == 0 ? 1 : value;
}

}  // namespace breakwater::proxy
