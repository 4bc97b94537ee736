// The control socket: answers the verbs of the command line that need the process which serves the data
// folder. The socket is in that folder (kControlSocket).
//
//   POST /why       the body is a digest or <repository>:<tag>; answered with what keeps it, line by line
//   GET /plan       what collection and retention would remove, and why, line by line
//   /api/v1/…       the operations: see api.h
//
// Whoever can connect to the socket may do all of this. Belongs to the loop's thread. Must outlive the server
// that uses it.
#pragma once

#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/ops/api.h"
#include "store/store.h"

namespace breakwater::routes {

// The text that `why` and `gc --dry-run` print. `of` is a digest or <repository>:<tag>; `invalid` if it is
// neither.
[[nodiscard]] Result<std::string> explanation_of(store::Store& store, const std::string& of);
[[nodiscard]] Result<std::string> plan_text(store::Store& store);
class Control {
 public:
  // `workers` run jobs of minutes: they must not be the workers of client requests.
  Control(store::Store& store, proxy::Workers& workers, Api& api)
      : store_(store), workers_(workers), api_(api) {}

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  proxy::Task<> explain(proxy::Exchange& exchange, std::string of);
  proxy::Task<> plan(proxy::Exchange& exchange);

  store::Store& store_;
  proxy::Workers& workers_;
  Api& api_;
};

}  // namespace breakwater::routes
