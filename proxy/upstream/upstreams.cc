#include "proxy/upstream/upstreams.h"

#include <cassert>

namespace breakwater::proxy {

Upstreams::Upstreams(Loop& loop, const store::Clock& clock, const UpstreamsSettings& settings,
                     Clients clients)
    : loop_(loop),
      clock_(clock),
      settings_(settings),
      clients_(std::move(clients)),
      order_(clients_.size(), settings) {
  assert(!clients_.empty());
}

std::vector<RegistryClient*> Upstreams::in_order() const {
  std::vector<RegistryClient*> order;
  order.reserve(clients_.size());
  for (const size_t index : order_.at(clock_.now())) order.push_back(clients_[index].get());
  return order;
}

RegistryClientStats Upstreams::stats() const {
  RegistryClientStats sum;
  for (const auto& client : clients_) sum += client->stats();
  sum.unwell = std::all_of(clients_.begin(), clients_.end(),
                           [](const auto& client) { return client->stats().unwell; });
  return sum;
}

}  // namespace breakwater::proxy
