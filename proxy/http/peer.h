// Who asks: who is at the other end of a connection, or for whom a trusted proxy says that it asks. And which
// client that is: its address, or of IPv6 its network of 64 bits, because a host has as many addresses of
// that as it likes. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "proxy/http/ip_address.h"

namespace breakwater::proxy {

using ClientKey = std::array<uint8_t, 16>;

struct Peer {
  std::array<uint8_t, 16> address{};  // IPv6, or IPv4 mapped into it
  std::string text;                   // "10.0.0.7", "fd00::1"; "uid 1000": a process of this machine
  // Whom its TLS certificate names, "CN=ci,O=Example"; "" if it has shown none that the listener's client_ca
  // vouches for.
  std::string subject = {};
  // Whether a trusted proxy's header tells the address (forwarded.h). Then `subject` is "": the certificate
  // would be the proxy's.
  bool is_told = false;

  bool is_ipv4() const;
  ClientKey client() const;
  // The same in a number, for those who take turns (loop/job_queue.h); never 0.
  uint64_t key() const;
};

Peer peer_at(const IpAddress& address);

}  // namespace breakwater::proxy
