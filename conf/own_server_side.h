// What the operations ask of the process that serves, over the parts that the Appliance has built. Belongs to
// the loop's thread; what it borrows outlives it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/fill/fill.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/upstreams.h"
#include "routes/mirror/namespaces.h"
#include "routes/oci/manifest_cache.h"
#include "routes/ops/server_side.h"
#include "store/store.h"
#include "store/upkeep/scrub.h"

namespace breakwater::conf {

// What names of images can lead to.
routes::RouteDirectory route_directory(const Config& config);

class OwnServerSide final : public routes::ServerSide {
 public:
  struct Parts {
    const Config& config;
    const store::Clock& clock;
    store::Store& store;
    store::EventQueue& events;
    const store::Scrub& scrub;
    proxy::Loop& loop;
    proxy::Workers& workers;
    proxy::Buffers& buffers;
    const proxy::Fills& fills;
    routes::History& history;
    routes::RequestRing& requests;
    routes::ManifestCache& manifests;
    routes::RegistryDirectory& registries;
    // What only the Appliance knows of a route, and of the whole: adds it to the state.
    std::function<void(routes::ServerState::Route&)> add_route;
    std::function<void(routes::ServerState&)> add_whole;
    std::function<proxy::Task<Result<std::vector<std::string>>>(bool is_dry)> change;
    std::function<proxy::Task<Result<>>(bool is_read_only)> set_read_only;
    std::function<void(bool is_draining)> set_draining;
    std::function<bool()> is_read_only;  // from any thread
  };
  explicit OwnServerSide(Parts parts);

  routes::ServerState state() override;
  const routes::RouteDirectory& directory() const override { return directory_; }
  Answering answering(const routes::ImageName& image) override;
  proxy::Task<Result<std::vector<std::string>>> change(bool is_dry) override { return parts_.change(is_dry); }
  proxy::Task<Result<>> set_read_only(bool is_read_only) override {
    return parts_.set_read_only(is_read_only);
  }
  void set_draining(bool is_draining) override { parts_.set_draining(is_draining); }
  void forget(const store::RepositoryKey& repository, const store::Digest& digest) override {
    parts_.manifests.erase(repository, digest);
  }
  routes::History& history() override { return parts_.history; }
  routes::RequestRing& requests() override { return parts_.requests; }
  store::EventQueue& events() override { return parts_.events; }
  std::function<bool()> is_read_only() const override { return parts_.is_read_only; }
  store::Store& store() override { return parts_.store; }
  proxy::Loop& loop() override { return parts_.loop; }
  proxy::Workers& workers() override { return parts_.workers; }
  proxy::Buffers& buffers() override { return parts_.buffers; }

 private:
  const Parts parts_;
  const routes::RouteDirectory directory_;
  const store::Time started_at_;
  const std::vector<std::string> warnings_;
};

}  // namespace breakwater::conf
