// Whose share of something a request takes: its client's address, of IPv6 the /64, because a client has all
// of that. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/http/exchange.h"

namespace breakwater::routes {

using ClientKey = std::array<uint8_t, 16>;

ClientKey client_key(const proxy::Peer& peer);

}  // namespace breakwater::routes
