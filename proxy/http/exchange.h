// One request and its reply, as a route sees them.
//
//   received --reply()------------------------------------> complete
//       |------start()--> replying --write(), send_file()…--> complete
//       `------abort()--> cut
//
// A reply with a length is complete when that many bytes were sent, one without a length when finish() is
// called.
//
// A route is a Task that takes an Exchange. If the client leaves, the Task is destroyed at its current
// co_await, so the destructors of its locals are the only clean-up. If a route returns before its reply is
// complete, the connection is cut: the client sees a body shorter than Content-Length, never a wrong one that
// looks whole. If a route returns before start() or reply(), the client gets a 500.
//
// Whatever the route leaves unread of the request's body is read and dropped after the reply, up to a limit;
// beyond that limit the connection closes. For HEAD, start() and reply() send the head alone, with the length
// that GET would have; write() and send_file() may be left out, and do nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/http.h"
#include "proxy/http/peer.h"
#include "proxy/http/piece.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/task.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::proxy {

class Client;  // in proxy/clients/clients.h

class Exchange {
 public:
  virtual const Request& request() const = 0;
  // By it the log has more; the reply says it in X-Request-Id. Valid as long as the request.
  virtual std::string_view id() const = 0;
  // Who asks, also if a trusted proxy asks for him; and whether he has asked by https.
  virtual const Peer& peer() const = 0;
  virtual bool is_secure() const = 0;
  // What counts what the peer has of everything; null: nothing does.
  virtual const std::shared_ptr<Client>& client() const = 0;
  // For bytes that are held for this request: the client's share, or all there are if it has none.
  virtual Buffers& buffers() = 0;
  // Whether the client may have one more request at work: until start() or reply(), or until it ends. If not
  // now, wait_for_turn() waits for it, up to the deadline. end_turn() gives it back before: the request only
  // waits for others from now on.
  virtual bool take_turn() = 0;
  virtual Task<bool> wait_for_turn(Moment deadline) = 0;
  virtual void end_turn() = 0;

  // --- the request's body
  // 0 if the request has no body; nothing if the body is chunked, so that its length is not known.
  virtual std::optional<uint64_t> body_length() const = 0;
  // The next piece of the body, at most 512 KiB; empty at the end. Sends `100 Continue` first if the client
  // waits for that. The error is `invalid` if the framing is broken or the body ended early,
  // `unavailable` if the client sent nothing for too long, and `too_slow` if it sent too little. After any of
  // them the connection closes with the reply.
  virtual Task<Result<Piece>> read() = 0;

  // --- what another process can go on with when this one ends (server/handed_connection.h)
  // Of every reply to this request: its body is `first` and what follows of something that never changes, and
  // a Range of the same request brings any part of it.
  virtual void resumes_from(uint64_t first) = 0;
  // What was read of the body is kept even if this Task is destroyed, and the same request with the rest of
  // the body goes on there.
  virtual void keeps_body() = 0;

  // --- the reply, all at once. The first form is for bodies of a few KiB, which may be copied. The second is
  // for bodies of up to some MiB that are in memory anyway; they are not copied. One of more than
  // kLongBodyBytes may be sent to many clients, and so it is counted among the buffers by whoever has made
  // it.
  static constexpr size_t kLongBodyBytes = size_t{64} << 10;
  virtual void reply(int status, Headers headers, std::string_view body) = 0;
  virtual void reply(int status, Headers headers, std::shared_ptr<const std::string> body) = 0;

  // --- or in pieces. Without `length` the reply is chunked; for HTTP/1.0, closing the connection ends it.
  virtual void start(int status, Headers headers, std::optional<uint64_t> length) = 0;
  virtual Task<> write(std::string piece) = 0;  // Returns when the socket is ready for more.
  // Sends part of a file without copying it and without blocking the loop. If the file cannot be read, the
  // connection is cut.
  virtual Task<> send_file(store::SharedFile file, uint64_t offset, uint64_t length) = 0;
  virtual void finish() = 0;
  virtual void abort() = 0;        // Cuts the connection, because the reply cannot be kept as promised.
  virtual void close_after() = 0;  // The connection closes after this reply.

  virtual bool started() const = 0;
  virtual int status() const = 0;           // 0 before start()
  virtual uint64_t bytes_sent() const = 0;  // bytes of the body that the socket was given

  // Notes what this request waits for, so that operators can see it in the log. `step` is a literal.
  virtual void at(const char* step) = 0;
  virtual const char* step() const = 0;

 protected:
  ~Exchange() = default;
};

using Route = std::function<Task<>(Exchange&)>;

}  // namespace breakwater::proxy
