#include "proxy/http/trusted_proxies.h"

#include <algorithm>
#include <utility>

namespace breakwater::proxy {

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& entries) {
  TrustedProxies proxies;
  for (const auto& entry : entries) {
    auto network = IpNetwork::parse(entry);
    if (!network) return failure(std::move(network.error()));
    proxies.networks_.push_back(*network);
    proxies.text_.push_back(entry);
  }
  return proxies;
}

bool TrustedProxies::contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&address](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace breakwater::proxy
