#include "conf/appliance.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "conf/appliance_parts.h"
#include "conf/auditing.h"
#include "conf/changes.h"
#include "conf/hand_over.h"
#include "conf/part_settings.h"
#include "conf/sealing_key.h"
#include "conf/service_manager.h"
#include "routes/oci/request_context.h"
#include "store/upkeep/forgetting.h"

namespace breakwater::conf {
namespace {

// The service manager is told how it is so often, and that we are alive twice as often as it wants to hear.
constexpr proxy::Millis kStatusInterval(5'000);
// So often it is looked whether a certificate was renewed.
constexpr proxy::Millis kCertificateInterval(1'000);
constexpr char kFirstProcess[] =
    "process 1 has no successor, because all of its container end with it; restart the container";

size_t listeners(const Config& config) {
  size_t count = config.metrics.listen.size() + config.admin.listen.size() + 1;  // and the control socket
  for (const auto& route : config.routes) count += route.listen.size();
  return count;
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

// Before it listens.
Result<> Appliance::Parts::speak_tls(proxy::HttpServer& server, const std::string& route,
                                     const std::optional<proxy::TlsSettings>& settings) {
  if (!settings) return {};
  auto context = proxy::TlsContext::read(*settings);
  if (!context) return failure(context.error().kind, "route " + route + ": " + context.error().message);
  server.speak_tls(**context);
  tasks.spawn((*context)->keep_up(loop, background, log, kCertificateInterval));
  tls.push_back(*std::move(context));
  return {};
}

Result<> Appliance::Parts::listen(const std::vector<InheritedListener>& inherited) {
  for (size_t i = 0; i < served.size(); ++i) {
    const auto& route = config.routes[i];
    if (auto spoken = speak_tls(served[i]->server, route.name, route.tls); !spoken) return spoken;
    auto bound = listen(served[i]->server, config.routes[i].name, config.routes[i].listen, inherited);
    if (!bound) return bound;
  }
  if (auto bound =
          control_server.listen_local(std::filesystem::absolute(config.data) / routes::kControlSocket);
      !bound)
    return bound;
  if (auto spoken = speak_tls(admin_server, "admin", config.admin.tls); !spoken) return spoken;
  if (auto bound = listen(admin_server, "admin", config.admin.listen, inherited); !bound) return bound;
  if (auto spoken = speak_tls(metrics_server, "metrics", config.metrics.tls); !spoken) return spoken;
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
  api.end_streams();
  admin_server.drain();
  metrics_server.drain();
  loop.stop();
}

// --- going on elsewhere

std::vector<Leaving::Server> Appliance::Parts::servers() {
  std::vector<Leaving::Server> all;
  all.reserve(served.size() + 2);
  for (size_t i = 0; i < served.size(); ++i)
    all.push_back({config.routes[i].name, config.routes[i].listen, &served[i]->server});
  all.push_back({"metrics", config.metrics.listen, &metrics_server});
  all.push_back({"admin", config.admin.listen, &admin_server});
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
  if (auto audited = check_audit(next); !audited) return failure(audited.error());
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
  routes::AuditEntry entry;
  entry.from = "signal";
  entry.what = "reload";
  if (!changes) {
    entry.outcome = routes::AuditEntry::Outcome::refused;
    entry.reason = changes.error().message;
  }
  audit->note(std::move(entry));
  if (!changes) {
    log.error("not_reloaded", {{"reason", changes.error().message},
                               {"advice", "everything is as it was: mend that, and reload again"}});
    co_return;
  }
  for (const auto& line : *changes) log.info("changed", {{"what", line}});
}

// Ends like terminate() where nothing can be left to anybody.
void Appliance::Parts::restart() {
  if (terminating) return terminate();
  if (is_leaving) {
    left.next = Next::restart;  // nobody else goes on with it
    return;
  }
  auto sockets = prepare(config);
  if (!sockets) {
    log.error("not_handed_over",
              {{"reason", sockets.error().message}, {"advice", "this process finishes what runs, and ends"}});
    return terminate();
  }
  tell_stopping();
  begin_to_leave(Next::restart, *std::move(sockets));
}

void Appliance::Parts::begin_to_leave(Next next, std::vector<InheritedListener> sockets) {
  is_leaving = true;
  left.next = next;
  left.inheritance.listeners = std::move(sockets);
  health.set(routes::Readiness::draining);
  api.end_streams();
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
  if (getpid() == 1) co_return exchange.reply(409, routes::base_headers(), kFirstProcess);
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
  auto audit = open_audit(config, ground.clock, ground.log);
  if (!audit) return failure(audit.error());
  auto settings = store_settings(config);
  settings.open_blobs_max = shares->blobs;
  settings.catalog_files_max = shares->catalog;
  auto logged = std::make_unique<routes::LoggedEvents>(ground.log, ground.clock);
  auto opened = store::Store::open(settings, ground.disk, ground.clock, *logged);
  if (!opened) return failure(opened.error());
  if (auto told = tell_left_routes(**opened, ground.log); !told) return failure(told.error());
  auto key = sealing_key(ground.disk, config.data);
  if (!key) return failure(key.error());
  auto parts = std::make_unique<Parts>(config, *shares, ground, std::move(logged), *std::move(opened),
                                       *std::move(audit), *std::move(key));
  if (auto loaded = parts->events.load(); !loaded) return failure(loaded.error());
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

void Appliance::restart() {
  parts_->loop.post([&parts = *parts_] { parts.restart(); });
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
  parts_->events.start(parts_->tasks);
  parts_->tasks.spawn(parts_->tell_service_manager());
  parts_->tasks.spawn(parts_->history.run(parts_->background));
  if (parts_->users) parts_->tasks.spawn(parts_->users->run());
  parts_->loop.run();
  if (auto saved = parts_->history.save(); !saved)
    parts_->log.warning("history_not_written", {{"error", saved.error().message}});
  parts_->log.info("stopped", {});
  parts_->left.is_draining = parts_->is_draining;
  return std::move(parts_->left);
}

}  // namespace breakwater::conf
