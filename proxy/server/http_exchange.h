// The Exchange that the routes of the HttpServer get. One object serves all requests of a connection, one
// after the other. proxy/http/exchange.h says what it promises to a route; the connection uses it so:
//
//   begin() when the parser has a head -> the route's Task -> fail() -> until_sent() -> skip_body() -> end()
//   -> begin() …
//
// start() does not send the head: it goes with the first bytes of the body, in one call to the kernel. If the
// route waits for something before the first bytes, head_waits() rings, and the connection calls send_head()
// in the same turn of the loop. A reply that cannot be completed is cut off. The connection then destroys the
// Task in the next turn, so whatever waits for the client may simply go on waiting.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/clients/clients.h"
#include "proxy/http/exchange.h"
#include "proxy/http/http_parser.h"
#include "proxy/http/request_id.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/deadline.h"
#include "proxy/loop/loop.h"
#include "proxy/server/body_rate.h"
#include "proxy/server/connection_peer.h"
#include "proxy/server/handed_connection.h"
#include "proxy/server/http_server.h"
#include "proxy/server/repeated_event.h"
#include "proxy/server/reply_head.h"
#include "proxy/server/socket.h"

namespace breakwater::proxy {

class Workers;

// What all connections of a server share.
class ServerContext {
 public:
  ServerContext(Loop& l, Workers& w, Buffers& b, store::Disk& d, store::Log& g, const ServerSettings& s,
                Route r);

  // Of a connection that is to begin with a PROXY header, and is closed because of it. Counts and logs it.
  // `why` is a literal.
  void refuse_proxied(const Peer& peer, std::string_view why);
  std::string_view date();  // the current time for the Date header, formatted once a second

  Loop& loop;
  Workers& workers;
  Buffers& buffers;
  store::Disk& disk;
  store::Log& log;
  const ServerSettings settings;
  const Route route;
  ServerStats stats;
  bool draining = false;
  bool settling = false;   // nothing more is begun that changes something
  bool releasing = false;  // nothing more is begun, and no body is read
  ConnectionShare own;     // of this server: settings.connections_max
  HttpServer::Shares shares;
  TlsContext* tls = nullptr;  // null: plain HTTP is spoken
  RequestIds request_ids;
  RepeatedEvent proxied_refused;
  std::vector<char> scratch;  // holds one small file while it is sent, never across a wait

 private:
  std::time_t date_of_ = -1;
  std::string date_text_;
};

class ServedExchange final : public Exchange {
 public:
  // The arguments belong to the connection and outlive this object. `deadline` must ring socket.changed()
  // when it passes. `on_awaited` is told when the client has neither sent nor taken for a while what the
  // request waits for, and when that is over.
  ServedExchange(ServerContext& context, Socket& socket, RequestParser& parser, Deadline& deadline,
                 const ConnectionPeer& of, std::function<void(bool is_awaited)> on_awaited);

  // --- for the connection
  void begin();
  void end();
  bool closes() const { return closes_; }  // whether the connection closes after this reply
  // Whether the request is at rest (handed_connection.h): then `into` has all of it but what the socket has,
  // and its step says so, for the log.
  bool hand_over(HandedConnection& into);
  // Whether it works at something that the client cannot ask for again without a second thought.
  bool is_at_work() const;
  // After begin(): waits, at rest, while what the request changes is not to be begun.
  Task<> until_may_change();
  // After begin(): goes on with what another server has handed over.
  void resume(const HandedConnection& handed);
  // After begin(): whether nobody can say who asks, because a trusted proxy's headers disagree (forwarded.h).
  bool is_contradicted() const { return is_contradicted_; }
  bool goes_on() const { return reply_left_.has_value(); }  // whether another server has begun the reply
  Signal& head_waits() { return head_waits_; }
  void send_head();  // Sends the head if it still waits.
  // The route has ended. If its reply is not complete, answers 500, or cuts the connection if it had started.
  void fail(std::string_view why);
  Task<bool> skip_body();  // Reads to the end of the body; false if the connection must close instead.
  // Before the connection closes: reads and drops the body at its pace (ServerSettings), to its end or until
  // the client closes, falls silent, or has sent for too long, or the server drains. Then sends the reply, if
  // it was held back for that. Nothing of the body is kept.
  Task<> drop_body();
  Task<> until_sent();  // Waits until all is sent; never returns once the socket has failed.

  // --- for the route
  const Request& request() const override { return parser_.request(); }
  std::string_view id() const override { return id_; }
  const Peer& peer() const override { return is_sent_on_ ? sender_ : of_.peer; }
  bool is_secure() const override { return is_secure_; }
  const std::shared_ptr<Client>& client() const override { return is_sent_on_ ? sender_client_ : of_.client; }
  Buffers& buffers() override { return client() ? client()->buffers() : context_.buffers; }
  bool take_turn() override;
  Task<bool> wait_for_turn(Moment deadline) override;
  void end_turn() override { turn_.shrink(0); }
  std::optional<uint64_t> body_length() const override { return parser_.body_length(); }
  Task<Result<Piece>> read() override;
  void resumes_from(uint64_t first) override { resumes_from_ = first; }
  void keeps_body() override { keeps_body_ = true; }
  void reply(int status, Headers headers, std::string_view body) override;
  void reply(int status, Headers headers, std::shared_ptr<const std::string> body) override;
  void start(int status, Headers headers, std::optional<uint64_t> length) override;
  Task<> write(std::string piece) override;
  Task<> send_file(store::SharedFile file, uint64_t offset, uint64_t length) override;
  void finish() override;
  void abort() override;
  void close_after() override { closes_ = true; }
  bool started() const override { return status_ != 0; }
  int status() const override { return status_; }
  uint64_t bytes_sent() const override { return bytes_sent_; }
  void at(const char* step) override { step_ = step; }
  const char* step() const override { return step_; }

 private:
  void find_sender();

  // The head.
  void begin_head(int status, const Headers& headers, std::optional<uint64_t> length);
  bool must_close() const;
  void go_on(int status, std::optional<uint64_t> length);
  std::string_view take_head();  // The head if it still waits, else "". The caller must send it.

  bool is_at_rest(HandedConnection& into) const;
  bool is_to_rest() const;

  // The request's body.
  bool is_body_at_rest() const;
  Task<Result<Piece>> read_piece();
  bool holds_reply() const;
  Task<> drop_until_end();
  Task<Result<>> until_received(size_t more_than);
  Error too_slow_body();
  Error broken_body(const char* why);
  Piece receive_piece(size_t bytes_max);
  void skip_received();

  // The reply's body.
  bool fits(uint64_t bytes);  // Whether the declared length allows them; if not, cuts the connection.
  void count_sent(uint64_t bytes);
  bool send_small_file(const store::File& file, uint64_t offset, size_t length);
  Task<> send_large_file(store::SharedFile file, uint64_t offset, uint64_t length);
  Task<> send_resident(store::SharedFile file, uint64_t offset, uint64_t length);
  uint64_t resident_bytes(const store::File& file, uint64_t offset, uint64_t length);
  Task<Result<>> make_resident(store::SharedFile file, uint64_t offset, uint64_t length);
  Task<> yield();
  void cut_off(std::string_view why);

  // Waiting for the client.
  void begin_wait(int64_t timeout_ms);
  bool is_wait_over();
  void end_wait();
  void set_awaited(bool is_awaited);
  std::string_view path() const;

  ServerContext& context_;
  Socket& socket_;
  RequestParser& parser_;
  Deadline& deadline_;
  const ConnectionPeer& of_;
  // Who asks, if a trusted proxy has sent the request on; kept for the next request, which may be his too.
  // The client is declared, and so outlives, what is reserved of its shares.
  bool is_sent_on_ = false;
  bool is_secure_ = false;
  bool is_contradicted_ = false;
  Peer sender_;
  std::shared_ptr<Client> sender_client_;  // null: there are no shares
  const std::function<void(bool)> on_awaited_;
  bool is_awaited_ = false;
  Moment wait_ends_{};
  PoolReservation turn_;
  Signal head_waits_;

  std::string id_;
  int status_ = 0;
  Framing framing_ = Framing::none;
  uint64_t unwritten_ = 0;  // what is missing of the declared length
  uint64_t bytes_sent_ = 0;
  bool complete_ = false;
  bool closes_ = false;
  bool head_waiting_ = false;
  std::string head_;
  std::string held_reply_;  // until the body is dropped
  size_t sent_this_turn_ = 0;
  BufferReservation unsent_reserved_;  // of a reply all at once, until it is sent

  uint64_t body_read_ = 0;
  BodyRate body_rate_;
  BufferReservation body_reserved_;
  bool continue_said_ = false;
  bool is_reading_ = false;  // the route waits in read()
  bool keeps_body_ = false;
  std::optional<uint64_t> resumes_from_;
  std::optional<uint64_t> reply_left_;  // of a reply that another server has begun
  const char* body_broken_ = nullptr;
  const char* step_ = "";
};

}  // namespace breakwater::proxy
