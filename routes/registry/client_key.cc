#include "routes/registry/client_key.h"

#include <algorithm>

namespace breakwater::routes {

ClientKey client_key(const proxy::Peer& peer) {
  // IPv4 mapped into IPv6: 80 bits of zero, 16 of one.
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  ClientKey key = peer.address;
  const bool is_mapped = std::equal(kMapped.begin(), kMapped.end(), key.begin());
  if (!is_mapped) std::fill(key.begin() + 8, key.end(), uint8_t{0});
  return key;
}

}  // namespace breakwater::routes
