#include "conf/leaving.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/server/listen_socket.h"

namespace breakwater::conf {
namespace {

Result<> bind_missing(const std::string& route, const std::vector<ListenAddress>& addresses,
                      std::vector<InheritedListener>& listeners) {
  for (const auto& address : addresses) {
    if (listener_for(listeners, route, address) != nullptr) continue;
    auto bound = proxy::bind_listener(address.text());
    if (!bound) return failure(bound.error().kind, "route " + route + ": " + bound.error().message);
    listeners.push_back({*std::move(bound), route, address.text()});
  }
  return {};
}

}  // namespace

Leaving::Leaving(proxy::Loop& loop, std::vector<Server> servers)
    : loop_(loop), servers_(std::move(servers)), releases_(loop) {}

Result<std::vector<InheritedListener>> Leaving::listeners() const {
  std::vector<InheritedListener> all;
  for (const auto& one : servers_) {
    auto sockets = one.server->listening();
    if (!sockets) return failure(sockets.error());
    for (size_t i = 0; i < sockets->size(); ++i)
      all.push_back({std::move((*sockets)[i]), one.route, one.addresses[i].text()});
  }
  return all;
}

proxy::Task<std::vector<InheritedConnection>> Leaving::release() {
  proxy::HttpServer::ReleaseTimes times;
  const auto end = loop_.now() + times.at_work;
  for (auto& one : servers_) releases_.spawn(one.server->settle(times.at_work));
  while (releases_.size() > 0) co_await releases_.ended().wait();
  times.at_work = std::max(times.others, std::chrono::ceil<proxy::Millis>(end - loop_.now()));
  for (auto& one : servers_) releases_.spawn(release(one, times));
  while (releases_.size() > 0) co_await releases_.ended().wait();
  co_return std::move(released_);
}

proxy::Task<> Leaving::release(Server& server, proxy::HttpServer::ReleaseTimes times) {
  auto connections = co_await server.server->release(times);
  for (auto& one : connections) released_.push_back({server.route, std::move(one)});
}

Result<> bind_missing(const Config& config, std::vector<InheritedListener>& listeners) {
  for (const auto& route : config.routes) {
    if (auto bound = bind_missing(route.name, route.listen, listeners); !bound) return bound;
  }
  if (auto bound = bind_missing("metrics", config.metrics.listen, listeners); !bound) return bound;
  return bind_missing("admin", config.admin.listen, listeners);
}

}  // namespace breakwater::conf
