// One listener's requests, from the first byte to the access line: each passes these, in order, and then goes
// to the registry.
//
//   trace   an id for the logs: of `traceparent` or `X-Request-Id` if valid, else random
//   log     one access line at the end, also when the client left
//   count   the same, in the metrics
//   limit   requests_max at once; one more is answered 503
//   allow   by address; 403 DENIED
//   path    GET / and /healthz are `200 ok`, /v2/ is `200 {}`; writes to a mirror are 405, unknown paths 404,
//   malformed ones 400
//
// Belongs to the loop's thread. The Router, and all that it borrows, must outlive the server that it is given
// to.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/access.h"
#include "routes/oci/registry.h"
#include "routes/oci/request_context.h"
#include "routes/ops/metrics.h"
#include "store/base/log.h"

namespace breakwater::routes {

struct RouterSettings {
  std::string route;  // its name: "dockerhub"
  Networks allow = Networks::internal();
  bool writable = false;
  uint32_t requests_max = 8192;  // at once
};

class Router {
 public:
  Router(RouterSettings settings, Registry& registry, Metrics& metrics, store::Log& log);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);
  uint32_t requests_running() const { return requests_running_; }

 private:
  class Access;
  proxy::Task<> dispatch(proxy::Exchange& exchange, RequestContext& context);
  std::string trace_of(const proxy::Headers& headers);

  RouterSettings settings_;
  Registry& registry_;
  Metrics& metrics_;
  RouteMetrics& counts_;
  store::Log& log_;
  std::mt19937_64 random_;
  uint32_t requests_running_ = 0;
};

// The id that a request brings along, or "".
std::string_view given_trace(const proxy::Headers& headers);
// A target for the log: without the values of parameters other than ns, n and last, and of at most 512
// printable characters.
std::string loggable(std::string_view target);

}  // namespace breakwater::routes
