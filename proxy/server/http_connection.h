// One client's connection to the HttpServer: reads a head, runs the route's Task, sends what is left of the
// reply, reads what is left of the request's body, and so on with the next request.
//
//   idle -> reading head -> route -> (reply sent, body skipped) -> idle …
//     |          `-- malformed: 4xx/5xx --.          | reply cut, client gone, write timeout
//     `-- end, idle timeout, drain -------+-> goodbye --+-> gone
//
// Goodbye is a lingering close: our FIN, then what the client still sends is dropped as long as it keeps
// coming, up to a limit, or the reset that answers it could overtake the reply: who is refused while he sends
// 2 GiB reads why. When it is gone, the connection tells its owner, who destroys it, and the route's Task
// with it, from the top of the loop.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/server/http_exchange.h"

namespace breakwater::proxy {

class Connection {
 public:
  // Takes `fd`. `on_gone` is called once.
  Connection(ServerContext& context, int fd, Peer peer, std::function<void(Connection&)> on_gone);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void serve();
  void refuse();  // instead: 503 and goodbye, whatever the client wants
  void drain();   // the server drains: goodbye, if idle

 private:
  Task<> serve_requests();
  Task<RequestParser::Progress> next_head();  // `more`: there will be none
  Task<> refuse_and_leave();
  Task<> close_lingering(int64_t timeout_ms);
  Task<> send_waiting_heads();
  void answer_malformed(const Malformed& malformed);
  void answer(int status, std::string_view why);
  void gone();

  ServerContext& context_;
  const Peer peer_;
  std::function<void(Connection&)> on_gone_;
  bool is_gone_ = false;
  Socket socket_;
  Deadline deadline_;
  RequestParser parser_;
  ServedExchange exchange_;
  // Last, so that they are destroyed first: they use all of the above.
  Task<> head_sender_;
  Task<> task_;
};

}  // namespace breakwater::proxy
