#include "proxy/upstream/upstreams.h"

#include <cassert>

namespace breakwater::proxy {
namespace {

constexpr size_t kNameBytesMax = 64 << 10;  // of a body that nobody reads

}  // namespace

Upstreams::Upstreams(Loop& loop, const store::Clock& clock, const UpstreamsSettings& settings,
                     Clients clients)
    : loop_(loop),
      clock_(clock),
      settings_(settings),
      clients_(std::move(clients)),
      order_(clients_.size(), settings) {
  assert(!clients_.empty());
}

std::vector<RegistryClient*> Upstreams::in_order(const Hops& hops) const {
  std::vector<RegistryClient*> order;
  order.reserve(clients_.size());
  for (const size_t index : order_.at(clock_.now())) {
    if (!is_behind(index, hops)) order.push_back(clients_[index].get());
  }
  return order;
}

// Whether the request came through that upstream.
bool Upstreams::is_behind(size_t index, const Hops& hops) const {
  const auto& peer = clients_[index]->peer();
  return peer && !peer->empty() && hops.has(*peer);
}

Task<std::optional<Error>> Upstreams::circle(Hops hops, bool is_being_asked) {
  if (hops.empty()) co_return std::nullopt;
  const Error refusal(Error::Kind::not_found, "it is not here, and appliances ask each other for it", 0);
  if (hops.has(settings_.hop_name) || hops.are_too_many()) co_return refusal;
  bool is_anyone_left = false;
  for (size_t i = 0; i < clients_.size(); ++i) is_anyone_left = is_anyone_left || !is_behind(i, hops);
  if (!is_anyone_left) co_return refusal;
  if (!is_being_asked || settings_.hop_name >= hops.last()) co_return std::nullopt;
  co_await learn_names();
  const bool is_mutual = std::any_of(clients_.begin(), clients_.end(), [&hops](const auto& client) {
    return client->peer() && *client->peer() == hops.last();
  });
  if (is_mutual) co_return refusal;
  co_return std::nullopt;
}

// Asks those that have not answered anything yet.
Task<> Upstreams::learn_names() {
  for (const auto& client : clients_) {
    if (client->peer()) continue;
    RegistryClientRequest request("GET", "/v2/");
    request.timeout_ms = request.stall_timeout_ms = settings_.silence_max_ms;
    (void)co_await client->fetch(std::move(request), kNameBytesMax);
  }
}

RegistryClientStats Upstreams::stats() const {
  RegistryClientStats sum;
  for (const auto& client : clients_) sum += client->stats();
  sum.unwell = std::all_of(clients_.begin(), clients_.end(),
                           [](const auto& client) { return client->stats().unwell; });
  return sum;
}

}  // namespace breakwater::proxy
