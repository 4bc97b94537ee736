// What the verbs of the command line ask of the process that serves the data folder, over the socket in that
// folder (kControlSocket):
//
//   POST /backup   the body is the path of the folder that is to become the backup; answered, in a line, when
//   it is whole POST /why      the body is a digest or <repository>:<tag>; answered with what keeps it, a
//   line each GET /plan      what collection and retention would take away, and why, a line each
//
// Whoever may connect may do all of it. Belongs to the loop's thread. Must outlive the server that it is
// given to.
#pragma once

#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "store/store.h"

namespace breakwater::routes {

inline constexpr char kControlSocket[] = "control";  // in the data folder

// What `backup` tells the operator in the end.
std::string words_of(const store::BackedUp& done);

// What `why` and `gc --dry-run` tell the operator. `of` is a digest or <repository>:<tag>; `invalid` if it is
// neither.
[[nodiscard]] Result<std::string> words_of_why(store::Store& store, const std::string& of);
[[nodiscard]] Result<std::string> words_of_plan(store::Store& store);

class Control {
 public:
  // `workers` are for work that takes minutes: nothing that clients wait for may be theirs.
  Control(store::Store& store, proxy::Workers& workers) : store_(store), workers_(workers) {}

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  proxy::Task<> back_up(proxy::Exchange& exchange, std::string path);
  proxy::Task<> explain(proxy::Exchange& exchange, std::string of);
  proxy::Task<> plan(proxy::Exchange& exchange);

  store::Store& store_;
  proxy::Workers& workers_;
};

}  // namespace breakwater::routes
