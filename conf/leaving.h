// How the servers of an Appliance let go of everything, for the next one to go on with. Belongs to the loop's
// thread.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/inheritance.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/server/http_server.h"
#include "store/base/result.h"

namespace breakwater::conf {

class Leaving {
 public:
  struct Server {
    std::string route;
    std::vector<ListenAddress> addresses;  // in the order in which it listens on them
    proxy::HttpServer* server;             // outlives this
  };
  Leaving(proxy::Loop& loop, std::vector<Server> servers);

  // The listening sockets of all, once more.
  [[nodiscard]] Result<std::vector<InheritedListener>> listeners() const;
  // Serves on while something is at work that changes something, for a push that is being stored may take
  // seconds. Then all accept nobody any more, at once; ends when each connection of each has come to rest, or
  // is cut.
  proxy::Task<std::vector<InheritedConnection>> release();

 private:
  proxy::Task<> release(Server& server, proxy::HttpServer::ReleaseTimes times);

  proxy::Loop& loop_;
  std::vector<Server> servers_;
  std::vector<InheritedConnection> released_;
  proxy::Tasks releases_;
};

// Binds what `config` listens on and is not among them. `conflict` if an address is taken; then nothing is
// bound.
[[nodiscard]] Result<> bind_missing(const Config& config, std::vector<InheritedListener>& listeners);

}  // namespace breakwater::conf
