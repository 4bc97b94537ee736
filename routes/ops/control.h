// The control socket: answers the verbs of the command line that need the process which serves the data
// folder. The socket is in that folder (kControlSocket).
//
//   POST /backup    the body is the path of the backup to make; answered when the backup is complete
//   POST /why       the body is a digest or <repository>:<tag>; answered with what keeps it, line by line
//   GET /plan       what collection and retention would remove, and why, line by line
//   POST /forget-route       the body is the name of a route that is not configured any more: what it has
//   left
//                            goes (store/upkeep/forgetting.h); answered with what went, when all is done
//   POST /forget-route/plan  the same, answered with what would go
//
// Whoever can connect to the socket may do all of this. Belongs to the loop's thread. Must outlive the server
// that uses it.
#pragma once

#include <stop_token>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "store/store.h"
#include "store/upkeep/backup.h"

namespace breakwater::routes {

inline constexpr char kControlSocket[] = "control";  // in the data folder

// The text that `backup` prints when it is done.
std::string backup_summary(const store::BackedUp& done);

// The text that `why` and `gc --dry-run` print. `of` is a digest or <repository>:<tag>; `invalid` if it is
// neither.
[[nodiscard]] Result<std::string> explanation_of(store::Store& store, const std::string& of);
[[nodiscard]] Result<std::string> plan_text(store::Store& store);
// The text that `forget-route` prints, and does: all of it, or until `stop`.
[[nodiscard]] Result<std::string> forget_route_text(store::Store& store, const std::string& route,
                                                    const std::stop_token& stop);
// The text that `forget-route --dry-run` prints.
[[nodiscard]] Result<std::string> left_of_route_text(store::Store& store, const std::string& route);

class Control {
 public:
  // `workers` run jobs of minutes: they must not be the workers of client requests.
  Control(store::Store& store, proxy::Workers& workers) : store_(store), workers_(workers) {}

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  proxy::Task<> back_up(proxy::Exchange& exchange, std::string path);
  proxy::Task<> explain(proxy::Exchange& exchange, std::string of);
  proxy::Task<> plan(proxy::Exchange& exchange);
  proxy::Task<> forget_route(proxy::Exchange& exchange, std::string route);
  proxy::Task<> plan_forgetting(proxy::Exchange& exchange, std::string route);

  store::Store& store_;
  proxy::Workers& workers_;
};

}  // namespace breakwater::routes
