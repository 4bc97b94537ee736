// What only the process that serves can tell or do; conf/ has it, over all that it has built. Belongs to the
// loop's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/fill/fill.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "routes/mirror/mirror.h"
#include "routes/oci/registry.h"
#include "routes/ops/history.h"
#include "routes/ops/image_name.h"
#include "routes/ops/request_ring.h"
#include "routes/ops/webhooks.h"
#include "routes/registry/uploads.h"
#include "store/base/clock.h"
#include "store/base/result.h"
#include "store/blobs/blobs.h"
#include "store/capacity/budget.h"
#include "store/references/broken.h"
#include "store/store.h"

namespace breakwater::routes {

// How the whole is, as of now. Times are of the wall clock.
struct ServerState {
  struct Upstream {
    std::string url;
    proxy::RegistryClientStats stats;
  };
  struct Route {
    std::string name;
    RouteDirectory::Kind kind = RouteDirectory::Kind::mirror;
    std::string registry;             // of a mirror
    std::vector<std::string> listen;  // the addresses
    uint64_t connections = 0, requests_running = 0;
    uint64_t sent_bytes = 0;    // of all bodies since the start, or since the last reload
    uint64_t uploads_open = 0;  // of a registry
    uint64_t broken = 0;        // things that clients were told are there and that cannot be served
    uint64_t stale_total = 0;   // answers that were
    std::optional<store::Blobs::Evicted> evicted;  // if anything was
    // Of a mirror: when the blob that was not used for longest was used last; the epoch if it is not known.
    store::Time oldest_used_at{};
    store::Budget::Use use;
    std::vector<Upstream> upstreams;
  };
  struct Upload {
    OpenUpload upload;
    store::Time begun_at{};  // the epoch if nobody knows
  };
  std::string version, folder;
  store::Time now{}, started_at{};
  bool is_draining = false;
  bool is_read_only = false;
  std::string trouble;                // why it is not ready; "" if it is
  std::vector<std::string> warnings;  // of the configuration: who may change what without a name
  std::vector<Route> routes;
  store::Budget::Use whole;
  std::optional<store::DiskSpace> disk;
  uint64_t buffer_bytes = 0, buffer_bytes_max = 0;
  static constexpr size_t kFillsMax = 100;  // that are told of by name
  std::vector<proxy::RunningFill> fills;
  uint64_t fills_count = 0;  // of all
  static constexpr size_t kUploadsMax = 100;
  std::vector<Upload> uploads;
  uint64_t uploads_count = 0;
  store::Time passed_at{};  // when the scrub had last looked at everything; the epoch if never
  uint64_t scrubbed_bytes = 0;
  std::optional<double> pass_share;  // of the pass that is under way: how much is done, from 0 to 1
  static constexpr size_t kBrokenMax = 100;
  std::vector<store::BrokenThing> broken;
  uint64_t left_bytes = 0;  // of routes that are not configured any more
  std::vector<WebhookState> webhooks;
};

class ServerSide {
 public:
  virtual ServerState state() = 0;
  virtual const RouteDirectory& directory() const = 0;
  // Whoever answers for a repository of the route, and what it is called there. Null if there is none: only
  // of an `any` route, whose list has changed.
  struct Answering {
    Registry* registry = nullptr;
    Mirror* mirror = nullptr;  // if it is one
    std::string name;          // as its path has it
  };
  virtual Answering answering(const ImageName& image) = 0;
  // Reads the configuration anew and changes to it; or, `is_dry`, only says what would change. On an error
  // all is as it was.
  virtual proxy::Task<Result<std::vector<std::string>>> change(bool is_dry) = 0;
  virtual proxy::Task<Result<>> set_read_only(bool is_read_only) = 0;
  virtual void set_draining(bool is_draining) = 0;
  // A manifest of a mirror is gone from the store, and is not served from memory any more.
  virtual void forget(const store::RepositoryKey& repository, const store::Digest& digest) = 0;
  virtual History& history() = 0;
  virtual RequestRing& requests() = 0;
  virtual store::EventQueue& events() = 0;
  // Whether registries take nothing, at any time: may be called from any thread, for as long as workers run.
  virtual std::function<bool()> is_read_only() const = 0;
  virtual store::Store& store() = 0;
  virtual proxy::Loop& loop() = 0;
  virtual proxy::Workers& workers() = 0;  // for what no client waits for
  virtual proxy::Buffers& buffers() = 0;

 protected:
  ~ServerSide() = default;
};

}  // namespace breakwater::routes
