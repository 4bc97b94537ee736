// Handles the requests of one listener from the first byte to the access line. Each request passes these
// steps in order, then goes to the registry.
//
//   log     one access line at the end, also if the client left. From 400 on it has a reason: what the client
//           was told, and what it was not
//   count   the same for the metrics, the history and the ring of last requests
//   limit   requests_max at once; a request beyond them is answered 503
//   host    what a page of another site makes a browser ask for is answered 403 DENIED (access/hosts.h)
//   turn    a client that has its share of the requests waits, and is answered 429 if that takes too long
//   path    writes to a mirror are 405, malformed paths 400; ?ns= may choose another route
//   name    where names count, whoever gives one proves it; wrong ones are answered 401 UNAUTHORIZED
//   access  authorize() decides; who may not is answered 403 DENIED, or 401 with a challenge if a name might
//           help. GET /v2/ is answered 200 to who is denied: clients print the reason of what they ask for,
//           and not that of their first question
//   away    while the data folder is away, all below /v2/ is answered 503
//   base    GET / and /healthz are `200 ok`, /v2/ is `200 {}`; unknown paths are 404
//
// GET /token gives a Bearer token to whoever proves his name there, and where something may be done without a
// name, to all others one of nobody (access/passes.h).
//
// Belongs to the loop's thread. The Router, and everything that it borrows, must outlive the server that uses
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/authenticator.h"
#include "routes/access/authorize.h"
#include "routes/access/hosts.h"
#include "routes/access/passes.h"
#include "routes/mirror/namespaces.h"
#include "routes/oci/request_context.h"
#include "routes/ops/audit.h"
#include "routes/ops/history.h"
#include "routes/ops/metrics.h"
#include "routes/ops/request_ring.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct RouterSettings {
  std::string route;  // the route's name: "dockerhub"
  HostSettings hosts = {};
  bool writable = false;
  // Where one pushes instead, if it is not writable: "route private, port 5050"; "": nowhere here.
  std::string push_to = {};
  uint32_t requests_max = 8192;  // at once
  // Asked before each request: why nothing of the store can be served now, if that is so. It must not block.
  std::function<std::optional<Error>()> away = [] { return std::optional<Error>(); };
  // Likewise: whether its operator has switched off all that changes it.
  std::function<bool()> is_read_only = [] { return false; };
  // Who knows names, and gives out tokens for them; null: nobody does. Both outlive the Router.
  Authenticator* authenticator = nullptr;
  const Passes* passes = nullptr;
};

// Who is told of each request that has ended; null: nobody is.
struct RouterObservers {
  History* history = nullptr;
  RequestRing* ring = nullptr;
  Audit* audit = nullptr;  // of pushes and deletions that were not done
};

class Router {
 public:
  Router(proxy::Loop& loop, RouterSettings settings, Namespaces& namespaces, Metrics& metrics,
         store::Log& log, RouterObservers observers = {});
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);
  uint32_t requests_running() const { return requests_running_; }

 private:
  class AccessRecord;
  // Who asks, as far as names count where it is asked. Nothing if it is answered.
  struct Who {
    std::optional<Identity> identity;
    bool can_log_in = false;
    const Identity* get() const { return identity ? &*identity : nullptr; }
  };
  proxy::Task<std::optional<Who>> identify(proxy::Exchange& exchange, const Answerer& answerer,
                                           RequestContext& context);
  void reply_not_identified(proxy::Exchange& exchange, const Error& error, const Answerer& answerer,
                            RequestContext& context) const;
  // Whether the caller may; else it is answered, or for GET /v2/ there is nothing to decide.
  bool is_let_in(proxy::Exchange& exchange, const Answerer& answerer, RequestContext& context) const;
  bool is_authorized(proxy::Exchange& exchange, Action action, const Answerer& answerer, const Who& who,
                     RequestContext& context) const;
  NameHelps what_a_name_helps(const proxy::Exchange& exchange, const Answerer& answerer,
                              const Who& who) const;
  std::string challenge(const proxy::Exchange& exchange, Action action, const Answerer& answerer,
                        const Who& who, const std::string& name) const;
  bool may_sign(const proxy::Exchange& exchange, const Answerer& answerer, const Who& who,
                const std::string& name) const;
  std::function<bool(const std::string&)> may_pull(const proxy::Exchange& exchange, const Answerer& answerer,
                                                   const Who& who) const;
  bool is_token_path(std::string_view path) const;
  proxy::Task<> serve_token(proxy::Exchange& exchange, RequestContext& context);
  std::string read_only_text() const;
  void reply_has_its_share(proxy::Exchange& exchange, RequestContext& context);
  proxy::Task<> dispatch(proxy::Exchange& exchange, RequestContext& context);
  proxy::Task<> serve_path(proxy::Exchange& exchange, RequestContext& context);
  bool is_served_now(proxy::Exchange& exchange, RequestContext& context);

  proxy::Loop& loop_;
  RouterSettings settings_;
  Namespaces& namespaces_;
  Metrics& metrics_;
  RouteMetrics& counts_;
  store::Log& log_;
  const RouterObservers observers_;
  RouteHistory* const history_;  // of this route; null if nobody keeps it
  uint32_t requests_running_ = 0;
};

// A target as the log shows it: at most 512 printable characters, without the values of parameters other than
// ns, n and last.
std::string loggable(std::string_view target);

}  // namespace breakwater::routes
