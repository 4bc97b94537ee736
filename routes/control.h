// What the verbs of the command line ask of the process that serves the data folder, over the socket in that folder (kControlSocket):
//
//   POST /backup    the body is the path of the folder that is to become the backup; answered when it is whole, in a line for the operator
//
// Who may connect may do all of it. Belongs to the loop's thread. Must outlive the server that it is given to.
#pragma once

#include "proxy/exchange.h"
#include "proxy/task.h"
#include "proxy/workers.h"
#include "store/store.h"

namespace breakwater::routes {

inline constexpr char kControlSocket[] = "control";  // in the data folder

// What `backup` tells the operator in the end.
std::string words_of(const store::Store::BackedUp& done);

class Control {
 public:
  // `workers` are for work that takes minutes: nothing that clients wait for may be theirs.
  Control(store::Store& store, proxy::Workers& workers) : store_(store), workers_(workers) {}

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  proxy::Task<> back_up(proxy::Exchange& exchange);

  store::Store& store_;
  proxy::Workers& workers_;
};

}  // namespace breakwater::routes
