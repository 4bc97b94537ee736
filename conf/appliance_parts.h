// What an Appliance is composed of. How each part is made of the configuration is in appliance_parts.cc; what
// happens to all of them together, from listening to the end, is in appliance.cc. Nobody else includes this.
// Belongs to the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/appliance.h"
#include "conf/descriptors.h"
#include "conf/leaving.h"
#include "conf/own_server_side.h"
#include "conf/read_only.h"
#include "conf/upkeep.h"
#include "proxy/clients/clients.h"
#include "proxy/clients/connection_share.h"
#include "proxy/fill/fill.h"
#include "proxy/fill/pass_through.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "proxy/server/http_server.h"
#include "proxy/stream/tls_context.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstreams.h"
#include "routes/access/authenticator.h"
#include "routes/access/oidc.h"
#include "routes/access/own_tokens.h"
#include "routes/access/passes.h"
#include "routes/access/password_line.h"
#include "routes/access/users.h"
#include "routes/mirror/mirror.h"
#include "routes/mirror/namespaces.h"
#include "routes/oci/manifest_cache.h"
#include "routes/ops/admin.h"
#include "routes/ops/api.h"
#include "routes/ops/audit.h"
#include "routes/ops/events.h"
#include "routes/ops/health.h"
#include "routes/ops/history.h"
#include "routes/ops/logged_events.h"
#include "routes/ops/metrics.h"
#include "routes/ops/noted_changes.h"
#include "routes/ops/request_ring.h"
#include "routes/router.h"
#include "store/store.h"
#include "store/upkeep/scrub.h"

namespace breakwater::conf {

// In the order of construction: each member is destroyed before the members that it uses.
struct Appliance::Parts {
  // The listener of one route.
  struct Served {
    Served(Parts& parts, routes::Namespaces& listener, const RouteConfig& config);
    routes::Router router;
    proxy::HttpServer server;
  };

  Parts(const Config& settings, const DescriptorShares& descriptors, const Ground& the_ground,
        std::unique_ptr<routes::LoggedEvents> logged_events, std::unique_ptr<store::Store> opened,
        std::unique_ptr<routes::Audit> opened_audit, store::Secret sealing_key);

  std::unique_ptr<routes::Users> make_users();
  std::vector<std::unique_ptr<Served>> make_served();
  routes::Namespaces& add(const RouteConfig& route);
  routes::Namespaces& add_listener(routes::Registry* own, routes::Answerer self,
                                   routes::RegistryDirectory* others);
  routes::Namespaces& add_mirror(const RouteConfig& route);
  routes::Namespaces& add_registry(const RouteConfig& route);
  std::unique_ptr<routes::Mirror> make_mirror(proxy::Upstreams& upstreams_of_mirror,
                                              const routes::MirrorSettings& settings);
  routes::Namespaces& add_any(const RouteConfig& route);
  proxy::Upstreams& add_upstreams(const std::vector<proxy::RegistryClientSettings>& settings);
  std::unique_ptr<proxy::RegistryClient> make_client(const proxy::RegistryClientSettings& settings);
  Result<> listen(const std::vector<InheritedListener>& inherited);
  Result<> speak_tls(proxy::HttpServer& server, const std::string& route,
                     const std::optional<proxy::TlsSettings>& settings);
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
  void restart();
  proxy::Task<> drain();
  bool idle() const;
  routes::RouterSettings settings_of(const RouteConfig& route);
  routes::AdminSettings settings_of_admin();
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
  const std::unique_ptr<routes::LoggedEvents> logged;
  store::Log& log;
  std::unique_ptr<routes::Audit> audit;
  std::unique_ptr<store::Store> store;
  store::Scrub scrub;
  ReadOnly read_only;  // workers ask
  proxy::Loop loop;
  routes::Events events;  // what the workers are at may be told to it
  routes::NotedChanges noted_changes;
  proxy::Workers workers;      // write
  proxy::Workers readers;      // for pulls, which wait for no write
  proxy::Workers background;   // for jobs that no client waits for: collection, the scrub and events
  proxy::Workers room_makers;  // evict, and nobody waits for that but those who lack room
  proxy::Buffers buffers;
  proxy::HttpClient http_client;
  proxy::ConnectionShare connections;
  proxy::Clients clients;
  routes::PasswordLine password_line;
  std::unique_ptr<routes::Users> users;  // null if there is no file of them
  routes::OwnTokens own_tokens;
  routes::Oidc oidc;
  routes::Passes passes;
  routes::Authenticator authenticator;
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
  Upkeep::Registries registries;                        // by route
  std::vector<std::unique_ptr<proxy::TlsContext>> tls;  // of the servers below
  std::vector<std::unique_ptr<Served>> served;          // in the order of config.routes
  routes::Health health;
  proxy::Clients metrics_clients;
  proxy::HttpServer metrics_server;
  Upkeep upkeep;
  proxy::Workers long_jobs;  // for the operator's jobs, which may take minutes
  proxy::Workers transfers;  // imports and exports, one at a time: they may take hours
  OwnServerSide server_side;
  routes::Api api;
  proxy::HttpServer control_server;
  routes::Admin admin;
  proxy::Clients admin_clients;
  proxy::HttpServer admin_server;
  std::vector<Listening> listening;
  bool is_draining = false;  // set_draining()
  bool terminating = false;
  bool is_leaving = false;
  Left left;
  Leaving leaving;
  proxy::Tasks tasks;
};

}  // namespace breakwater::conf
