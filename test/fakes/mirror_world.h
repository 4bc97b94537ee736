// Mirrors in front of scripted registries, in one process and on one Loop: everything that serves a request
// is real but the disk's faults, the clock and the log.
//
//   MirrorWorld world;
//   auto layer = world.hub.blob("library/alpine", content_of(1 << 20, 7));
//   auto answer = world.get("/v2/library/alpine/blobs/" + layer.text());
//
// stop() and start() are a restart on the same data. At its end the world checks that nothing is left: no
// task, no reservation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/clients/clients.h"
#include "proxy/fill/fill.h"
#include "proxy/fill/pass_through.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/workers.h"
#include "proxy/server/http_server.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstreams.h"
#include "routes/mirror/mirror.h"
#include "routes/mirror/namespaces.h"
#include "routes/oci/manifest_cache.h"
#include "routes/ops/history.h"
#include "routes/ops/metrics.h"
#include "routes/ops/request_ring.h"
#include "routes/router.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::test {

// The answer to a request of a well-behaved client; status 0 if the body was cut off.
struct Answer {
  int status = 0;
  proxy::Headers headers;
  std::string body;
};

class MirrorWorld {
 public:
  MirrorWorld();
  ~MirrorWorld();

  // --- before start(); the first request starts the world if nobody did
  proxy::RegistryClientSettings hub_registry_client;   // of `hub`, as "docker.io"
  proxy::RegistryClientSettings ghcr_registry_client;  // of `ghcr`, as "ghcr.io"
  // Of the registries that are asked for "docker.io" after `hub`. add_second() adds that of `second`.
  std::vector<proxy::RegistryClientSettings> further_registry_clients;
  void add_second();
  proxy::UpstreamsSettings upstreams_settings;
  proxy::PassThroughSettings pass_through_settings;
  routes::MirrorSettings mirror_settings;                      // of both, but for their names
  routes::Networks ghcr_allow = routes::Networks::internal();  // for who comes by ns
  std::optional<std::vector<routes::AccessRule>> hub_rules;
  proxy::FillSettings fill_settings;
  std::vector<std::string> any_registries;  // of the route "any"
  proxy::HttpClientSettings http_client_settings;
  uint64_t buffer_bytes_max = 128 << 20;
  proxy::ClientLimits client_limits;

  StoreWorld files;  // folder, disk, clock, log and store settings
  proxy::Loop loop;
  FakeRegistry hub{loop};
  FakeRegistry ghcr{loop};
  FakeRegistry other{loop};   // upstream of every registry of `any_registries`
  FakeRegistry second{loop};  // upstream of "docker.io" too, after add_second()

  void start();
  void stop();

  // --- asking
  Answer get(const std::string& target, const proxy::Headers& headers = {});
  Answer head(const std::string& target, const proxy::Headers& headers = {});
  std::vector<Answer> get_at_once(const std::vector<std::string>& targets);
  Answer get_from_ghcr(const std::string& target);
  std::unique_ptr<RawClient> connect(size_t receive_window = 0);
  // Runs until no fill is in progress.
  void finish_fills();

  // --- looking
  std::vector<std::string> refused;  // to clients that had their share: "dockerhub client_upstream"
  proxy::Fills& fills();
  routes::Mirror& hub_mirror();
  routes::History& history();
  routes::RequestRing& ring();
  // Runs until nothing is asked or fetched any more. What was counted is in the store from then on.
  Result<> write_history();
  store::Store& store() { return *files.store; }
  FakeClock& clock() { return files.clock; }
  bool holds(const store::Digest& digest);
  uint64_t buffered_bytes() const;
  double take_lag_seconds() { return loop.take_lag_seconds(); }

 private:
  struct Served;
  struct Running;
  Answer ask(const std::string& method, const std::string& address, const std::string& target,
             const proxy::Headers& headers);
  proxy::Task<> ask_into(proxy::HttpClientRequest request, Answer& answer);

  std::unique_ptr<Running> running_;
};

// An image manifest that names these, and a list of such.
std::string image_of(const store::Digest& config, size_t config_size,
                     const std::vector<std::pair<store::Digest, size_t>>& layers);
std::string index_of(const std::vector<std::pair<store::Digest, size_t>>& manifests);

}  // namespace breakwater::test
