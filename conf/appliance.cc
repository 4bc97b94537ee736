#include "conf/appliance.h"

#include <algorithm>
#include <map>
#include <utility>

#include "conf/changes.h"
#include "conf/descriptors.h"
#include "conf/hand_over.h"
#include "conf/leaving.h"
#include "conf/options.h"
#include "conf/own_server_side.h"
#include "conf/part_settings.h"
#include "conf/read_only.h"
#include "conf/service_manager.h"
#include "conf/upkeep.h"
#include "proxy/clients/clients.h"
#include "proxy/clients/connection_share.h"
#include "proxy/fill/fill.h"
#include "proxy/fill/pass_through.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "proxy/server/http_server.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstreams.h"
#include "routes/mirror/mirror.h"
#include "routes/mirror/namespaces.h"
#include "routes/oci/manifest.h"
#include "routes/oci/manifest_cache.h"
#include "routes/oci/request_context.h"
#include "routes/ops/api.h"
#include "routes/ops/health.h"
#include "routes/ops/history.h"
#include "routes/ops/metrics.h"
#include "routes/ops/metrics_sources.h"
#include "routes/ops/request_ring.h"
#include "routes/registry/private_registry.h"
#include "routes/router.h"
#include "store/blobs/blobs.h"
#include "store/blobs/parts.h"
#include "store/catalog/store_clock.h"
#include "store/references/broken.h"
#include "store/store.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/forgetting.h"
#include "store/upkeep/scrub.h"

namespace breakwater::conf {
namespace {

constexpr uint64_t kManifestCacheBytes = 16 << 20;
// Of the metrics' listener and of the control socket: what descriptors.cc keeps in reserve for them.
constexpr uint32_t kMetricsConnectionsMax = 16;
constexpr uint32_t kControlConnectionsMax = 8;
// Few connections, whose clients send their heads at once: who does not is in the way of the others.
constexpr int64_t kOperatorHeadGraceMs = 10;
// What holds the loop for so long is named in the log: everybody had to wait for it.
constexpr proxy::Millis kHeldAtLeast(50);
// The service manager is told how it is so often, and that we are alive twice as often as it wants to hear.
constexpr proxy::Millis kStatusInterval(5'000);

std::vector<std::string> route_names(const Config& config) {
  std::vector<std::string> names;
  names.reserve(config.routes.size());
  for (const auto& route : config.routes) names.push_back(route.name);
  return names;
}

size_t listeners(const Config& config) {
  size_t count = config.metrics.listen.size() + 1;  // and the control socket
  for (const auto& route : config.routes) count += route.listen.size();
  return count;
}

size_t registry_routes(const Config& config) {
  return static_cast<size_t>(std::count_if(config.routes.begin(), config.routes.end(),
                                           [](const auto& route) { return route.registry.has_value(); }));
}

// Lowers what would take more descriptors than its share, and gives the servers their name.
Config within(Config config, const DescriptorShares& shares, const std::string& hop_name) {
  config.server.hop_name = hop_name;
  config.fills.fills_max = std::min(config.fills.fills_max, static_cast<uint32_t>(shares.fills));
  config.http_client.connections_max = static_cast<uint32_t>(shares.upstream);
  return config;
}

proxy::ServerSettings named(proxy::ServerSettings settings, const std::string& name) {
  settings.name = name;
  return settings;
}

// Of a server for health, metrics or the operator, who do not wait for all others.
proxy::ServerSettings of_operator(proxy::ServerSettings settings, const std::string& name,
                                  uint32_t connections_max) {
  settings.name = name;
  settings.connections_max = std::min(settings.connections_max, connections_max);
  settings.place = proxy::Place::first;
  settings.head_grace_ms = kOperatorHeadGraceMs;
  return settings;
}

// Half of the connections, so that one client does not keep all others from asking.
proxy::ClientLimits metrics_client_limits() {
  proxy::ClientLimits limits;
  limits.connections_max = kMetricsConnectionsMax / 2;
  return limits;
}

// Nobody has all that there is, however little that may be.
proxy::ClientLimits client_limits(const Config& config, const DescriptorShares& shares) {
  auto limits = config.per_client.limits;
  const auto half = static_cast<uint32_t>(std::max<size_t>(shares.clients / 2, 1));
  limits.connections_max = std::min(limits.connections_max, half);
  limits.buffer_bytes_max = std::min(limits.buffer_bytes_max, config.buffer_bytes_max / 2);
  return limits;
}

// What an earlier configuration has left counts for ever, if nobody does anything about it.
Result<> tell_left_routes(const store::Store& store, store::Log& log) {
  const auto left = store::left_routes(store.parts());
  if (!left) return failure(left.error());
  for (const auto& [route, bytes] : *left) {
    const std::string advice = "configure it again, or give its room back: breakwater forget-route " + route;
    log.warning("route_not_configured",
                {{"route", route}, {"bytes", static_cast<int64_t>(bytes)}, {"advice", advice}});
  }
  return {};
}

}  // namespace

// In the order of construction: each member is destroyed before the members that it uses.
struct Appliance::Parts {
  // The listener of one route.
  struct Served {
    Served(Parts& parts, routes::Registry& registry, const RouteConfig& config);
    routes::Router router;
    proxy::HttpServer server;
  };

  Parts(const Config& settings, const DescriptorShares& descriptors, const Ground& the_ground,
        std::unique_ptr<store::Store> opened);

  std::vector<std::unique_ptr<Served>> make_served();
  routes::Registry& add(const RouteConfig& route);
  routes::Registry& add_mirror(const RouteConfig& route);
  routes::Registry& add_registry(const RouteConfig& route);
  std::unique_ptr<routes::Mirror> make_mirror(proxy::Upstreams& upstreams_of_mirror,
                                              const routes::MirrorSettings& settings);
  routes::Registry& add_any(const RouteConfig& route);
  proxy::Upstreams& add_upstreams(const std::vector<proxy::RegistryClientSettings>& settings);
  std::unique_ptr<proxy::RegistryClient> make_client(const proxy::RegistryClientSettings& settings);
  Result<> listen(const std::vector<InheritedListener>& inherited);
  Result<> listen(proxy::HttpServer& server, const std::string& route,
                  const std::vector<ListenAddress>& addresses,
                  const std::vector<InheritedListener>& inherited);
  void resume(std::vector<InheritedConnection> inherited);
  std::vector<Leaving::Server> servers();
  Result<std::vector<InheritedListener>> prepare(const Config& next);
  proxy::Task<Result<std::vector<std::string>>> change(bool is_dry);
  proxy::Task<> reload();
  void begin_to_leave(Next next, std::vector<InheritedListener> listeners);
  proxy::Task<> leave();
  proxy::Task<> serve_control(proxy::Exchange& exchange);
  proxy::Task<Result<>> set_read_only(bool wanted);
  void set_draining(bool wanted);
  std::string status() const;
  proxy::Task<> tell_service_manager();
  void add_metric_sources();
  void terminate();
  proxy::Task<> drain();
  bool idle() const;
  routes::RouterSettings settings_of(const RouteConfig& route);
  proxy::OnRefused count_refused();
  std::string trouble() const;
  void add_state(routes::ServerState::Route& route);
  void add_state(routes::ServerState& state) const;

  const std::string hop_name = proxy::new_hop_name();
  const Config config;
  const DescriptorShares shares;
  const Ground ground;
  store::Disk& disk;
  const store::Clock& clock;
  store::Log& log;
  std::unique_ptr<store::Store> store;
  store::Scrub scrub;
  proxy::Loop loop;
  proxy::Workers workers;      // write
  proxy::Workers readers;      // for pulls, which wait for no write
  proxy::Workers room_makers;  // evict, and nobody waits for that but those who lack room
  proxy::Buffers buffers;
  proxy::HttpClient http_client;
  proxy::ConnectionShare connections;
  proxy::Clients clients;
  routes::Metrics metrics;
  routes::History history;
  routes::RequestRing last_requests;
  routes::ManifestCache manifests;
  routes::ReplyRoom replies;
  // By route, which has those of several registries if it mirrors any. Running fills use these to their end.
  std::map<std::string, std::vector<std::unique_ptr<proxy::Upstreams>>> upstreams;
  proxy::PassThrough pass_through;
  proxy::Fills fills;
  // A request to one mirror may use any other, by ?ns=.
  std::vector<std::unique_ptr<routes::Mirror>> mirrors;
  routes::RegistryDirectory directory;
  std::vector<std::unique_ptr<routes::Namespaces>> namespaces;
  Upkeep::Registries registries;                // by route
  std::vector<std::unique_ptr<Served>> served;  // in the order of config.routes
  routes::Health health;
  proxy::Clients metrics_clients;
  proxy::HttpServer metrics_server;
  proxy::Workers background;  // for jobs that no client waits for: collection and the scrub
  Upkeep upkeep;
  proxy::Workers long_jobs;  // for the operator's jobs, which may take minutes
  OwnServerSide server_side;
  routes::Api api;
  proxy::HttpServer control_server;
  std::vector<Listening> listening;
  ReadOnly read_only;
  bool is_draining = false;  // set_draining()
  bool terminating = false;
  bool is_leaving = false;
  Left left;
  Leaving leaving;
  proxy::Tasks tasks;
};

Appliance::Parts::Served::Served(Parts& parts, routes::Registry& registry, const RouteConfig& config)
    : router(parts.loop, parts.settings_of(config), registry, parts.metrics, parts.log,
             {&parts.history, &parts.last_requests}),
      server(parts.loop, parts.readers, parts.buffers, parts.disk, parts.log,
             named(parts.config.server, config.name), router.route(), {&parts.connections, &parts.clients}) {}

Appliance::Parts::Parts(const Config& settings, const DescriptorShares& descriptors, const Ground& the_ground,
                        std::unique_ptr<store::Store> opened)
    : config(within(settings, descriptors, hop_name)),
      shares(descriptors),
      ground(the_ground),
      disk(ground.disk),
      clock(ground.clock),
      log(ground.log),
      store(std::move(opened)),
      scrub(store->parts(), store->blobs(), routes::read_content),
      workers(loop, config.workers),
      readers(loop, config.workers),
      room_makers(loop, 1),
      buffers(loop, config.buffer_bytes_max),
      http_client(loop, config.http_client),
      connections(shares.clients),
      clients({loop, buffers, log, client_limits(config, shares), count_refused()}),
      history(loop, *store, log),
      last_requests(loop, clock),
      manifests(kManifestCacheBytes),
      replies(loop, buffers),
      pass_through(loop, readers, buffers, disk, pass_through_settings(config)),
      fills(loop, workers, room_makers, buffers, *store, log, config.fills),
      served(make_served()),
      health(
          metrics, config.metrics.allow, [this] { return trouble(); }, host_settings(config)),
      metrics_clients({loop, buffers, log, metrics_client_limits(), count_refused()}),
      metrics_server(loop, readers, buffers, disk, log,
                     of_operator(config.server, "metrics", kMetricsConnectionsMax), health.route(),
                     {nullptr, &metrics_clients}),
      background(loop, 2, proxy::Workers::Priority::low),
      upkeep(loop, room_makers, background, *store, scrub, registries, log, config.scrub),
      long_jobs(loop, 2, proxy::Workers::Priority::low),
      server_side({config, clock, *store, scrub, loop, long_jobs, buffers, fills, history, last_requests,
                   manifests, directory, [this](auto& route) { add_state(route); },
                   [this](auto& state) { add_state(state); }, [this](bool is_dry) { return change(is_dry); },
                   [this](bool is_read_only) { return set_read_only(is_read_only); },
                   [this](bool is_draining_wanted) { set_draining(is_draining_wanted); }}),
      api(*store, server_side, long_jobs, log),
      control_server(loop, readers, buffers, disk, log,
                     of_operator(config.server, "control", kControlConnectionsMax),
                     [this](proxy::Exchange& exchange) { return serve_control(exchange); }),
      read_only(disk, config.data),
      leaving(loop, servers()),
      tasks(loop) {
  loop.watch(kHeldAtLeast, [this](std::string_view what, proxy::Millis time) {
    log.warning("loop_held", {{"what", what}, {"ms", static_cast<int64_t>(time.count())}});
  });
  add_metric_sources();
}

std::vector<std::unique_ptr<Appliance::Parts::Served>> Appliance::Parts::make_served() {
  directory.set_names(registry_names(config));
  std::vector<std::unique_ptr<Served>> all;
  for (const auto& route : config.routes) all.push_back(std::make_unique<Served>(*this, add(route), route));
  return all;
}

proxy::OnRefused Appliance::Parts::count_refused() {
  return [this](std::string_view route, std::string_view share) {
    metrics.of(std::string(route)).refused(share);
  };
}

routes::RouterSettings Appliance::Parts::settings_of(const RouteConfig& route) {
  auto settings = router_settings(config, route);
  settings.away = [this] { return store->away(); };
  if (route.registry) settings.is_read_only = [this] { return read_only.is_on(); };
  return settings;
}

// Why it is not ready, for /readyz.
std::string Appliance::Parts::trouble() const {
  const auto away = store->away();
  if (away) return away->message;
  const std::string why = store->catalog().why_not_writable();
  return why.empty() ? "" : "the catalog cannot be written: " + why;
}

void Appliance::Parts::add_state(routes::ServerState::Route& route) {
  for (const auto& one : listening) {
    if (one.route == route.name) route.listen.push_back(one.address);
  }
  for (size_t i = 0; i < served.size(); ++i) {
    if (config.routes[i].name != route.name) continue;
    const auto stats = served[i]->server.stats();
    route.connections = stats.connections;
    route.requests_running = stats.requests_running;
  }
  if (const auto registry = registries.find(route.name); registry != registries.end())
    route.uploads_open = registry->second->push_stats().uploads_open;
  const auto of_route = upstreams.find(route.name);
  if (of_route == upstreams.end()) return;
  for (const auto& of_registry : of_route->second) {
    for (size_t i = 0; i < of_registry->size(); ++i) {
      const auto& client = (*of_registry)[i];
      route.upstreams.push_back({client.settings().upstream.text(), client.stats()});
    }
  }
}

void Appliance::Parts::add_state(routes::ServerState& state) const {
  state.trouble = trouble();
  state.is_draining = terminating || is_draining || is_leaving;
  state.is_read_only = read_only.is_on();
}

routes::Registry& Appliance::Parts::add(const RouteConfig& route) {
  if (route.registry) return add_registry(route);
  return route.mirror ? add_mirror(route) : add_any(route);
}

proxy::Upstreams& Appliance::Parts::add_upstreams(
    const std::vector<proxy::RegistryClientSettings>& settings) {
  proxy::Upstreams::Clients of_registry;
  for (auto one : settings) {
    one.hop_name = hop_name;
    of_registry.push_back(make_client(one));
  }
  proxy::UpstreamsSettings of_all;
  of_all.hop_name = hop_name;
  auto& of_route = upstreams[settings.front().name];
  of_route.push_back(std::make_unique<proxy::Upstreams>(loop, clock, of_all, std::move(of_registry)));
  return *of_route.back();
}

std::unique_ptr<proxy::RegistryClient> Appliance::Parts::make_client(
    const proxy::RegistryClientSettings& settings) {
  auto client = std::make_unique<proxy::RegistryClient>(loop, http_client, clock, log, settings);
  auto& counts = metrics.of(settings.name);
  client->observe_latency([&counts](double seconds) { counts.observe_upstream(seconds); });
  return client;
}

std::unique_ptr<routes::Mirror> Appliance::Parts::make_mirror(proxy::Upstreams& upstreams_of_mirror,
                                                              const routes::MirrorSettings& settings) {
  const routes::MirrorParts shared(loop, workers, readers, *store, fills, pass_through, buffers,
                                   upstreams_of_mirror, manifests, replies, store->clock(), log);
  routes::count_upstreams(history, upstreams_of_mirror, settings.route, settings.kept_under);
  return std::make_unique<routes::Mirror>(shared, settings);
}

routes::Registry& Appliance::Parts::add_mirror(const RouteConfig& route) {
  mirrors.push_back(make_mirror(add_upstreams(route.mirror->upstreams), mirror_settings(route)));
  directory.add(route.name, *mirrors.back(), route.allow);
  namespaces.push_back(std::make_unique<routes::Namespaces>(mirrors.back().get(), directory));
  return *namespaces.back();
}

routes::Registry& Appliance::Parts::add_any(const RouteConfig& route) {
  auto make = [this, name = route.name, any = *route.any](const std::string& registry) {
    return make_mirror(add_upstreams(any_upstream_settings(name, any, registry)),
                       any_mirror_settings(name, any, registry));
  };
  directory.add_any(route.name, make, route.allow);
  namespaces.push_back(std::make_unique<routes::Namespaces>(nullptr, directory));
  return *namespaces.back();
}

routes::Registry& Appliance::Parts::add_registry(const RouteConfig& route) {
  const routes::RegistryParts machinery(loop, workers, readers, room_makers, buffers, *store, manifests,
                                        replies, store->clock(), log);
  auto& registry = registries[route.name];
  auto settings = registry_settings(route);
  settings.uploads.per_client = config.per_client.uploads_max;
  settings.uploads.idle_open_max = std::max<size_t>(shares.uploads / registry_routes(config), 1);
  registry = std::make_unique<routes::PrivateRegistry>(machinery, settings);
  directory.add(route.name, *registry, route.allow);
  return *registry;
}

Result<> Appliance::Parts::listen(const std::vector<InheritedListener>& inherited) {
  for (size_t i = 0; i < served.size(); ++i) {
    auto bound = listen(served[i]->server, config.routes[i].name, config.routes[i].listen, inherited);
    if (!bound) return bound;
  }
  if (auto bound =
          control_server.listen_local(std::filesystem::absolute(config.data) / routes::kControlSocket);
      !bound)
    return bound;
  return listen(metrics_server, "metrics", config.metrics.listen, inherited);
}

Result<> Appliance::Parts::listen(proxy::HttpServer& server, const std::string& route,
                                  const std::vector<ListenAddress>& addresses,
                                  const std::vector<InheritedListener>& inherited) {
  for (const auto& address : addresses) {
    const auto* given = listener_for(inherited, route, address);
    auto bound =
        given != nullptr ? server.listen_on(given->socket.duplicate()) : server.listen(address.text());
    if (!bound) return failure(bound.error().kind, "route " + route + ": " + bound.error().message);
    listening.push_back(Listening(route, *bound));
  }
  return {};
}

void Appliance::Parts::add_metric_sources() {
  metrics.add_source([this](routes::MetricsSink& sink) {
    routes::report_build(sink, version());
    for (const auto& route : server_side.directory().routes)
      routes::report_route(sink, route.name, routes::name_of(route.kind));
    for (size_t i = 0; i < served.size(); ++i)
      routes::report(sink, config.routes[i].name, served[i]->server.stats());
    for (const auto& route : config.routes) {
      if (route.mirror) routes::report(sink, route.name, *upstreams[route.name].front());
      if (!route.any) continue;
      proxy::RegistryClientStats sum;  // of as many registries as clients name
      for (const auto& of_registry : upstreams[route.name]) sum += of_registry->stats();
      routes::report(sink, route.name, sum);
    }
    for (const auto& [route, registry] : registries) routes::report(sink, route, registry->push_stats());
    routes::report(sink, fills.stats());
    routes::report(sink, store->budget());
    routes::report_broken_off(sink, store->idle_partials(), store->rules());
    routes::report_left(sink, store->budget(), store->rules());
    routes::report(sink, buffers);
    routes::report_loop(sink, loop.take_lag_seconds(), workers.queued() + readers.queued(),
                        workers.running() + readers.running());
    routes::report(sink, store->blobs().evicted());
    routes::report(sink, store->disk_space());
    routes::report(sink, store->collector().collected());
    routes::report(sink, route_names(config), store->broken());
    routes::report(sink, scrub.stats());
    routes::report(sink, store->catalog());
    routes::report_process(sink);
  });
}

void Appliance::Parts::terminate() {
  left.is_terminated = true;
  if (is_leaving) return;  // whoever is next is told
  if (std::exchange(terminating, true)) return loop.stop();
  tasks.spawn(drain());
}

bool Appliance::Parts::idle() const {
  for (const auto& one : served) {
    if (!one->server.idle()) return false;
  }
  return true;
}

proxy::Task<> Appliance::Parts::drain() {
  log.info("draining", {{"timeout_ms", config.drain_timeout_ms}});
  tell_stopping();
  health.set(routes::Readiness::draining);
  for (auto& one : served) one->server.drain();
  const auto deadline = loop.now() + proxy::Millis(config.drain_timeout_ms);
  for (auto& one : served) {
    while (!one->server.idle() && loop.now() < deadline)
      co_await one->server.became_idle().wait_until(deadline);
  }
  if (!idle()) log.warning("drain_timed_out", {{"timeout_ms", config.drain_timeout_ms}});
  metrics_server.drain();
  loop.stop();
}

// --- going on elsewhere

std::vector<Leaving::Server> Appliance::Parts::servers() {
  std::vector<Leaving::Server> all;
  for (size_t i = 0; i < served.size(); ++i)
    all.push_back({config.routes[i].name, config.routes[i].listen, &served[i]->server});
  all.push_back({"metrics", config.metrics.listen, &metrics_server});
  return all;
}

// A route that is not configured any more has nobody to go on with its connections: they are cut.
void Appliance::Parts::resume(std::vector<InheritedConnection> inherited) {
  for (const auto& server : servers()) {
    for (auto& one : inherited) {
      if (one.route == server.route) server.server->resume(std::move(one.connection));
    }
  }
}

// All that can be wrong with a change is found here, before anything is let go. The listening sockets of the
// changed configuration.
Result<std::vector<InheritedListener>> Appliance::Parts::prepare(const Config& next) {
  if (terminating || is_leaving) return failure(Error::Kind::conflict, "another change is under way");
  if (next.data != config.data) {
    return failure(Error::Kind::invalid, "data: a reload cannot change the folder from " +
                                             config.data.string() + " to " + next.data.string() +
                                             ": restart for that");
  }
  const auto enough = share_descriptors(ground.descriptors, listeners(next));
  if (!enough) return failure(enough.error());
  auto sockets = leaving.listeners();
  if (!sockets) return sockets;
  if (auto bound = bind_missing(next, *sockets); !bound) return failure(bound.error());
  return sockets;
}

proxy::Task<Result<std::vector<std::string>>> Appliance::Parts::change(bool is_dry) {
  auto job = [read = ground.read_config] { return read(); };
  auto next = co_await background.run(std::move(job));
  if (!next) {
    std::string lines;
    for (const auto& line : next.error().lines) lines += (lines.empty() ? "" : "; ") + line;
    co_return failure(Error::Kind::invalid, std::move(lines));
  }
  auto sockets = prepare(*next);
  if (!sockets) co_return failure(sockets.error());
  auto changes = changes_between(config.text, next->text);
  if (is_dry) co_return changes;
  left.config = *std::move(next);
  begin_to_leave(Next::reload, *std::move(sockets));
  co_return changes;
}

// Tells the log, whoever has asked.
proxy::Task<> Appliance::Parts::reload() {
  auto changes = co_await change(false);
  if (!changes) {
    log.error("not_reloaded", {{"reason", changes.error().message},
                               {"advice", "everything is as it was: mend that, and reload again"}});
    co_return;
  }
  for (const auto& line : *changes) log.info("changed", {{"what", line}});
}

void Appliance::Parts::begin_to_leave(Next next, std::vector<InheritedListener> sockets) {
  is_leaving = true;
  left.next = next;
  left.inheritance.listeners = std::move(sockets);
  health.set(routes::Readiness::draining);
  if (next == Next::reload) tell_reloading();
  log.info(next == Next::reload ? "reloading" : "handing_over", {});
  tasks.spawn(leave());
}

proxy::Task<> Appliance::Parts::leave() {
  left.inheritance.connections = co_await leaving.release();
  loop.stop();
}

// What only the whole appliance can do; all else is of the operations.
proxy::Task<> Appliance::Parts::serve_control(proxy::Exchange& exchange) {
  const auto& request = exchange.request();
  if (request.method != "POST" || request.target != kTakeOverRequest) co_return co_await api.serve(exchange);
  auto sockets = prepare(config);
  exchange.reply(sockets ? 200 : 409, routes::base_headers(), sockets ? "" : sockets.error().message);
  if (sockets) begin_to_leave(Next::hand_over, *std::move(sockets));
}

void Appliance::Parts::set_draining(bool wanted) {
  if (is_draining != wanted) log.info("drain", {{"state", wanted ? "on" : "off"}});
  is_draining = wanted;
  if (!terminating && !is_leaving)
    health.set(wanted ? routes::Readiness::draining : routes::Readiness::ready);
}

proxy::Task<Result<>> Appliance::Parts::set_read_only(bool wanted) {
  auto job = [&state = read_only, wanted] { return state.set(wanted); };
  auto set = co_await background.run(std::move(job));
  if (set) log.warning("read_only", {{"state", wanted ? "on" : "off"}});
  co_return set;
}

// --- what the service manager is told

std::string Appliance::Parts::status() const {
  uint64_t uploads = 0;
  for (const auto& [route, registry] : registries) uploads += registry->push_stats().uploads_open;
  std::string text = std::to_string(config.routes.size()) + " routes; " +
                     std::to_string(fills.stats().running) + " downloads, " + std::to_string(uploads) +
                     " uploads";
  if (read_only.is_on()) text += "; read-only";
  if (is_draining) text += "; draining";
  if (const std::string why = trouble(); !why.empty()) text += "; not ready: " + why;
  return text;
}

// From the loop, so that one that hangs is restarted.
proxy::Task<> Appliance::Parts::tell_service_manager() {
  const auto& watchdog = ground.watchdog;
  const auto interval = watchdog ? std::min(*watchdog / 2, kStatusInterval) : kStatusInterval;
  std::string told = status();
  tell_ready(told);
  for (;;) {
    if (watchdog) tell_alive();
    co_await loop.sleep(interval);
    if (auto now = status(); now != told) tell_status(told = std::move(now));
  }
}

Appliance::Appliance(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Appliance::~Appliance() = default;

Result<std::unique_ptr<Appliance>> Appliance::build(const Config& config, const Ground& ground,
                                                    const std::vector<InheritedListener>& inherited) {
  const auto shares = share_descriptors(ground.descriptors, listeners(config));
  if (!shares) return failure(shares.error());
  auto settings = store_settings(config);
  settings.open_blobs_max = shares->blobs;
  settings.catalog_files_max = shares->catalog;
  auto opened = store::Store::open(settings, ground.disk, ground.clock, ground.log);
  if (!opened) return failure(opened.error());
  if (auto told = tell_left_routes(**opened, ground.log); !told) return failure(told.error());
  auto parts = std::make_unique<Parts>(config, *shares, ground, std::move(*opened));
  if (auto known = parts->read_only.load(); !known) return failure(known.error());
  if (auto bound = parts->listen(inherited); !bound) return failure(bound.error());
  return std::unique_ptr<Appliance>(new Appliance(std::move(parts)));
}

const std::vector<Appliance::Listening>& Appliance::listening() const { return parts_->listening; }

void Appliance::terminate() {
  parts_->loop.post([&parts = *parts_] { parts.terminate(); });
}

void Appliance::reload() {
  parts_->loop.post([&parts = *parts_] { parts.tasks.spawn(parts.reload()); });
}

bool Appliance::is_read_only() const { return parts_->read_only.is_on(); }

void Appliance::set_draining(bool draining) {
  parts_->loop.post([&parts = *parts_, draining] { parts.set_draining(draining); });
}

Appliance::Left Appliance::run(std::vector<InheritedConnection> connections) {
  for (const auto& one : parts_->listening)
    parts_->log.info("listening", {{"route", one.route}, {"address", one.address}});
  parts_->set_draining(parts_->is_draining);
  parts_->resume(std::move(connections));
  parts_->loop.set_work("upkeep");
  parts_->upkeep.start(parts_->tasks);
  parts_->tasks.spawn(parts_->tell_service_manager());
  parts_->tasks.spawn(parts_->history.run(parts_->background));
  parts_->loop.run();
  if (auto saved = parts_->history.save(); !saved)
    parts_->log.warning("history_not_written", {{"error", saved.error().message}});
  parts_->log.info("stopped", {});
  parts_->left.is_draining = parts_->is_draining;
  return std::move(parts_->left);
}

}  // namespace breakwater::conf
