// The status in short, for pages that are open and told whenever it changes (event_stream.h):
//
//   {"sentence", "well", "problems": 1, "version", "started_at", "read_only", "draining",
//    "stored_bytes", "stored_bytes_max", "requests_running", "connections",
//    "downloads_count", "downloads": [{"route", "repository", "digest", "bytes", "size", "readers",
//                                      "clients_count", "state"}],
//    "uploads_count", "uploads": [{"id", "route", "repository", "bytes", "started_at", "client"}],
//    "rates": {"requests_per_s", "sent_bytes_per_s", "fetched_bytes_per_s"}}
//
// At most kRowsMax downloads and uploads. `rates` are those since the call before: of requests that ended, of
// what went to clients of the routes, and of what came from upstreams; absent if that is too long ago to say
// how it is now. Belongs to the loop's thread; the ServerSide outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/loop/loop.h"
#include "routes/access/sight.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

class StatusSummary {
 public:
  static constexpr size_t kRowsMax = 20;

  explicit StatusSummary(ServerSide& server) : server_(server) {}
  // `sight` is that of whoever is told. Who does not see everything is told no rates: they are of all.
  Json operator()(const Sight& sight = {});

 private:
  struct Counts {
    proxy::Moment at;
    uint64_t requests = 0, sent_bytes = 0, fetched_bytes = 0;
  };
  Counts counts_of(const ServerState& state) const;

  ServerSide& server_;
  std::optional<Counts> before_;
};

}  // namespace breakwater::routes
