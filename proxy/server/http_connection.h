// One client's connection to the HttpServer. For each request it reads the head, runs the route's Task, sends
// what is left of the reply, and reads what is left of the request's body.
//
//   (PROXY header ->) (TLS: handshake ->) idle -> reading head -> route -> (reply sent, body skipped) -> idle
//   …
//     |          `-- malformed: 4xx/5xx --.          | reply cut, client gone, write timeout
//     |        body dropped, and then ----|          |
//     |-- end, idle timeout, drain -------+-> lingering close --+-> gone
//     `-- it gives way to a new connection (connection_share.h) ----^
//
// When it is at rest it can be handed over to another server instead, at any place of the picture
// (handed_connection.h). One of TLS cannot, for nobody else has what it is ciphered with: it ends after the
// reply that it is at.
//
// A lingering close sends our FIN, then reads and drops what the client still sends, up to a limit. Otherwise
// the kernel would answer those bytes with a reset that could overtake the reply, and a client that is
// refused while it sends 2 GiB could not read why. What is unread of a body is read and dropped before the
// reply, at a bounded pace: containerd 1.6, which meets a reply while it sends, hangs for ever.
//
// When the connection is gone it tells its owner, and the owner destroys it, and the route's Task with it,
// from the top of the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "proxy/clients/clients.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/server/connection_peer.h"
#include "proxy/server/http_exchange.h"

namespace breakwater::proxy {

class Connection {
 public:
  // Owns `fd` from here on, which `stream` is for. `on_gone` is called once. `place` says which of serve()
  // and refuse() follows. `of` is whose connection it is.
  Connection(ServerContext& context, int fd, std::unique_ptr<ByteStream> stream, ConnectionPeer of,
             ConnectionShare::Place::Kind place, std::function<void(Connection&)> on_gone);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void serve();
  // Instead of serve(): answers 503, or 429 if it is the client that has too many, and closes.
  enum class Refusal { too_many, too_many_of_client };
  void refuse(Refusal refusal);
  // Instead of serve(): goes on where another server has been.
  void resume(HandedConnection handed);
  void drain();                              // The server is draining: closes the connection if it is idle.
  void wake() { socket_.changed().ring(); }  // The server is releasing.
  // All of it, if it is at rest (handed_connection.h). Its owner must then destroy it, at once.
  std::optional<HandedConnection> hand_over();
  // Whether a request is at work that changes something, and is not waiting for its client.
  bool is_at_work() const { return phase_ == Phase::request && exchange_.is_at_work(); }

 private:
  enum class Phase : uint8_t { between, request, ending };  // `between`: no head has been understood
  Task<> serve_requests();
  Task<> until_open();
  bool is_to_stop_opening() const;
  bool awaits_header() const { return of_.proxied != nullptr && !of_.proxied->has_header(); }
  void come_to_know();
  void refuse_unknown();
  bool has_opened() const { return socket_.stream().opening() == ByteStream::Opening::open; }
  void answer_unopened();
  bool is_leaving() const;
  Task<RequestParser::Progress> next_head();  // `more` if the client sends no further request
  Task<> refuse_and_leave(Refusal refusal);
  void begin_request();
  void answer_contradicted();
  void answer_too_many_of_client();
  Task<> close_lingering();
  Task<> end_after_output();
  Task<> send_waiting_heads();
  void answer_malformed(const Malformed& malformed);
  // With an access line, as the route writes one for what it answers.
  // `headers`: lines of them, each with its end.
  void answer(int status, std::string_view why, std::string_view headers = {},
              store::Log::Level level = store::Log::Level::info);
  void set_state(ConnectionShare::Place::State state);
  int64_t ms_until(Moment end) const;
  void gone();

  ServerContext& context_;
  ConnectionPeer of_;
  const ConnectionShare::Place::Kind kind_;
  std::function<void(Connection&)> on_gone_;
  bool is_gone_ = false;
  bool is_too_many_ = false;  // of its client, who was not known when it was accepted
  bool has_answered_ = false;
  Phase phase_ = Phase::between;
  std::optional<HandedConnection> resumed_;  // of the next request, if another server has begun with it
  ConnectionShare::Place place_;
  std::optional<ConnectionShare::Place> common_place_;
  std::optional<ConnectionShare::Place> client_place_;
  Socket socket_;
  Deadline deadline_;
  RequestParser parser_;
  ServedExchange exchange_;
  // Last, so that they are destroyed first: the Tasks use all members above.
  Task<> head_sender_;
  Task<> task_;
};

}  // namespace breakwater::proxy
