#include "routes/access/access.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {

Result<Networks> Networks::parse(const std::vector<std::string>& entries) {
  Networks networks;
  for (const auto& entry : entries) {
    auto network = proxy::IpNetwork::parse(entry);
    if (!network) return failure(std::move(network.error()));
    networks.networks_.push_back(*network);
    networks.text_.push_back(entry);
  }
  return networks;
}

Networks Networks::internal() {
  return *parse({"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"});
}

Networks Networks::loopback() { return *parse({"127.0.0.0/8", "::1"}); }

bool Networks::allows(const proxy::Peer& peer) const {
  const proxy::IpAddress address(peer.address);
  return std::any_of(networks_.begin(), networks_.end(),
                     [&address](const proxy::IpNetwork& network) { return network.contains(address); });
}

std::string not_allowed_text(const proxy::Peer& peer, std::string_view key, std::string_view route) {
  std::string of(key);
  if (!route.empty()) of.append(" of route ").append(route);
  return "the address " + peer.text + " is not in " + of + "; add it there, if it may";
}

}  // namespace breakwater::routes
