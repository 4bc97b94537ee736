#include "conf/appliance_parts.h"

#include <algorithm>
#include <utility>

#include "conf/options.h"
#include "conf/own_names.h"
#include "conf/part_settings.h"
#include "routes/oci/manifest.h"
#include "routes/oci/request_context.h"
#include "routes/ops/metrics_sources.h"
#include "routes/registry/private_registry.h"
#include "store/blobs/blobs.h"
#include "store/catalog/store_clock.h"
#include "store/references/broken.h"
#include "store/upkeep/collector.h"

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

std::vector<std::string> route_names(const Config& config) {
  std::vector<std::string> names;
  names.reserve(config.routes.size());
  for (const auto& route : config.routes) names.push_back(route.name);
  return names;
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

proxy::ServerSettings of_route(proxy::ServerSettings settings, const RouteConfig& route) {
  settings.name = route.name;
  settings.proxy_protocol = route.proxy_protocol;
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

proxy::ServerSettings of_metrics(const Config& config) {
  auto settings = of_operator(config.server, "metrics", kMetricsConnectionsMax);
  settings.proxy_protocol = config.metrics.proxy_protocol;
  return settings;
}

// Half of the connections, so that one client does not keep all others from asking.
proxy::ClientLimits metrics_client_limits() {
  proxy::ClientLimits limits;
  limits.connections_max = kMetricsConnectionsMax / 2;
  return limits;
}

// The page is for people: each has a stream of events open, and asks little beside it.
proxy::ServerSettings of_admin(const Config& config, const DescriptorShares& shares) {
  auto settings = config.server;
  settings.name = "admin";
  settings.proxy_protocol = config.admin.proxy_protocol;
  settings.connections_max = std::min(settings.connections_max, static_cast<uint32_t>(shares.admin));
  return settings;
}

proxy::ClientLimits admin_client_limits(const DescriptorShares& shares) {
  proxy::ClientLimits limits;
  limits.connections_max = std::max<uint32_t>(static_cast<uint32_t>(shares.admin / 2), 1);
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

}  // namespace

Appliance::Parts::Served::Served(Parts& parts, routes::Namespaces& listener, const RouteConfig& config)
    : router(parts.loop, parts.settings_of(config), listener, parts.metrics, parts.log,
             {&parts.history, &parts.last_requests, parts.audit.get()}),
      server(parts.loop, parts.readers, parts.buffers, parts.disk, parts.log,
             of_route(parts.config.server, config), router.route(), {&parts.connections, &parts.clients}) {}

Appliance::Parts::Parts(const Config& settings, const DescriptorShares& descriptors, const Ground& the_ground,
                        std::unique_ptr<routes::LoggedEvents> logged_events,
                        std::unique_ptr<store::Store> opened, std::unique_ptr<routes::Audit> opened_audit,
                        store::Secret sealing_key)
    : config(within(settings, descriptors, hop_name)),
      shares(descriptors),
      ground(the_ground),
      disk(ground.disk),
      clock(ground.clock),
      logged(std::move(logged_events)),
      log(*logged),
      audit(std::move(opened_audit)),
      store(std::move(opened)),
      scrub(store->parts(), store->blobs(), routes::read_content),
      read_only(disk, config.data),
      events({loop, background, http_client, store->parts().catalog, *logged, clock, log, machine_name()},
             config.webhooks),
      noted_changes(*audit, events.queue(), clock),
      workers(loop, config.workers),
      readers(loop, config.workers),
      background(loop, 2, proxy::Workers::Priority::low),
      room_makers(loop, 1),
      buffers(loop, config.buffer_bytes_max),
      http_client(loop, config.http_client),
      connections(shares.clients),
      clients({loop, buffers, log, client_limits(config, shares), count_refused()}),
      password_line(loop),
      users(make_users()),
      own_tokens(store->access_tokens(), [this] { return store->away(); }),
      oidc({loop, background, http_client, config.http_client, clock, log}, config.oidc),
      passes(routes::Seal(std::move(sealing_key)), users.get(), own_tokens, store->clock()),
      authenticator(users.get(), {&own_tokens, &passes, &oidc}),
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
      metrics_server(loop, readers, buffers, disk, log, of_metrics(config), health.route(),
                     {nullptr, &metrics_clients}),
      upkeep(loop, room_makers, background, *store, scrub, registries, log, config.scrub),
      long_jobs(loop, 2, proxy::Workers::Priority::low),
      transfers(loop, 1, proxy::Workers::Priority::low),
      server_side({config, clock, *store, events.queue(), scrub, loop, long_jobs, buffers, fills, history,
                   last_requests, manifests, directory, [this](auto& route) { add_state(route); },
                   [this](auto& state) { add_state(state); }, [this](bool is_dry) { return change(is_dry); },
                   [this](bool is_read_only) { return set_read_only(is_read_only); },
                   [this](bool is_draining_wanted) { set_draining(is_draining_wanted); },
                   [this] { return read_only.is_on(); }}),
      api(*store, server_side, long_jobs, transfers, *audit, events.ring()),
      control_server(loop, readers, buffers, disk, log,
                     of_operator(config.server, "control", kControlConnectionsMax),
                     [this](proxy::Exchange& exchange) { return serve_control(exchange); }),
      admin([this](proxy::Exchange& exchange,
                   routes::ApiCaller caller) { return api.serve_to(exchange, std::move(caller)); },
            metrics, settings_of_admin()),
      admin_clients({loop, buffers, log, admin_client_limits(shares), count_refused()}),
      admin_server(loop, readers, buffers, disk, log, of_admin(config, shares), admin.route(),
                   {nullptr, &admin_clients}),
      leaving(loop, servers()),
      tasks(loop) {
  loop.watch(kHeldAtLeast, [this](std::string_view what, proxy::Millis time) {
    log.warning("loop_held", {{"what", what}, {"ms", static_cast<int64_t>(time.count())}});
  });
  add_metric_sources();
}

std::unique_ptr<routes::Users> Appliance::Parts::make_users() {
  if (!config.users) return nullptr;
  return std::make_unique<routes::Users>(loop, background, password_line, store->clock(), log, *config.users);
}

std::vector<std::unique_ptr<Appliance::Parts::Served>> Appliance::Parts::make_served() {
  directory.set_names(registry_names(config));
  std::vector<std::unique_ptr<Served>> all;
  all.reserve(config.routes.size());
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
  settings.authenticator = &authenticator;
  settings.passes = &passes;
  if (route.registry) settings.is_read_only = [this] { return read_only.is_on(); };
  return settings;
}

routes::AdminSettings Appliance::Parts::settings_of_admin() {
  auto settings = admin_settings(config);
  settings.authenticator = &authenticator;
  settings.passes = &passes;
  for (const auto& listener : namespaces) settings.routes.push_back(listener->self().access);
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
    route.sent_bytes = stats.sent_bytes_total;
  }
  if (const auto registry = registries.find(route.name); registry != registries.end())
    route.uploads_open = registry->second->push_stats().uploads_open;
  route.stale_total = metrics.of(route.name).stale_total();
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
  state.webhooks = events.webhooks();
  for (const auto& [route, registry] : registries) {
    state.uploads_count += registry->push_stats().uploads_open;
    for (auto& upload : registry->open_uploads(routes::ServerState::kUploadsMax - state.uploads.size())) {
      const bool is_known = upload.begun_at != store::Time();
      const auto begun_at = is_known ? store->clock().to_wall(upload.begun_at) : store::Time();
      state.uploads.push_back({std::move(upload), begun_at});
    }
  }
}

routes::Namespaces& Appliance::Parts::add(const RouteConfig& route) {
  if (route.registry) return add_registry(route);
  return route.mirror ? add_mirror(route) : add_any(route);
}

routes::Namespaces& Appliance::Parts::add_listener(routes::Registry* own, routes::Answerer self,
                                                   routes::RegistryDirectory* others) {
  namespaces.push_back(std::make_unique<routes::Namespaces>(own, std::move(self), others));
  return *namespaces.back();
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

routes::Namespaces& Appliance::Parts::add_mirror(const RouteConfig& route) {
  mirrors.push_back(make_mirror(add_upstreams(route.mirror->upstreams), mirror_settings(route)));
  auto access = std::make_shared<const routes::RouteAccess>(access_of(route));
  directory.add(*mirrors.back(), access);
  return add_listener(mirrors.back().get(), {std::move(access), route.mirror->registry, {}}, &directory);
}

routes::Namespaces& Appliance::Parts::add_any(const RouteConfig& route) {
  auto make = [this, name = route.name, any = *route.any,
               policy = signature_policy(route)](const std::string& registry) {
    auto settings = any_mirror_settings(name, any, registry);
    settings.require_signature = policy;
    return make_mirror(add_upstreams(any_upstream_settings(name, any, registry)), settings);
  };
  auto access = std::make_shared<const routes::RouteAccess>(access_of(route));
  directory.add_any(make, access);
  return add_listener(nullptr, {std::move(access), "", {}}, &directory);
}

routes::Namespaces& Appliance::Parts::add_registry(const RouteConfig& route) {
  const routes::RegistryParts machinery(loop, workers, readers, room_makers, buffers, *store, manifests,
                                        replies, store->clock(), log, &noted_changes);
  auto& registry = registries[route.name];
  auto settings = registry_settings(config, route);
  settings.uploads.per_client = config.per_client.uploads_max;
  settings.uploads.idle_open_max = std::max<size_t>(shares.uploads / registry_routes(config), 1);
  registry = std::make_unique<routes::PrivateRegistry>(machinery, settings);
  auto access = std::make_shared<const routes::RouteAccess>(access_of(route));
  directory.add(*registry, access);
  return add_listener(registry.get(), {std::move(access), "", {}}, nullptr);
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
    routes::report(sink, store->backup());
    routes::report(sink, route_names(config), store->broken());
    routes::report(sink, scrub.stats());
    routes::report(sink, store->catalog());
    routes::report(sink, *audit);
    routes::report(sink, events.webhooks());
    routes::report_process(sink);
  });
}

}  // namespace breakwater::conf
