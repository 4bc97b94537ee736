// One request and its reply, as a route sees them.
//
//   received --reply()----------------------------------------> complete
//       |----start()--> replying --write()/send_file()…--> complete, when `length` bytes went or finish()
//       ended a reply without length
//       `----abort()--> cut
//
// A route is a Task that takes an Exchange. If the client leaves, the Task is destroyed at its current
// co_await; locals' destructors are the only clean-up. A route that returns before its reply is complete is
// cut off: the client sees a body shorter than Content-Length, never a wrong one that looks whole. A route
// that returns before start() answers 500.
//
// What the route does not read of the request's body is drained (up to a limit) or the connection closes
// after the reply. HEAD: start() and reply() send the head alone, with the length that GET would have;
// write() and send_file() are then not needed and do nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/http.h"
#include "proxy/loop/task.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct Peer {
  std::array<uint8_t, 16> address{};  // IPv6, or IPv4 mapped into it
  std::string text;                   // "10.0.0.7", "fd00::1"
};

class Exchange {
 public:
  virtual const Request& request() const = 0;
  virtual const Peer& peer() const = 0;

  // --- the request's body
  virtual std::optional<uint64_t> body_length() const = 0;  // nothing: chunked. 0: there is none
  // The next piece, at most 256 KiB; empty at the end. Sends `100 Continue` first if the client waits for it.
  // `invalid` if the framing is broken or the body ended early, `unavailable` if nothing came for too long.
  virtual Task<Result<std::string>> read() = 0;

  // --- the reply, all at once (bodies of a few KiB; the shared form for what is kept anyway, up to some MiB)
  virtual void reply(int status, Headers headers, std::string_view body) = 0;
  virtual void reply(int status, Headers headers, std::shared_ptr<const std::string> body) = 0;

  // --- or in pieces. Without `length` it is chunked (HTTP/1.0: ended by close).
  virtual void start(int status, Headers headers, std::optional<uint64_t> length) = 0;
  virtual Task<> write(std::string piece) = 0;  // returns when the socket is ready for more
  // Sends part of a file without copying it and without blocking the loop. If the file cannot be read, the
  // connection is cut.
  virtual Task<> send_file(store::SharedFile file, uint64_t offset, uint64_t length) = 0;
  virtual void finish() = 0;
  virtual void abort() = 0;        // cut the connection: a broken promise
  virtual void close_after() = 0;  // no further request on this connection

  virtual bool started() const = 0;
  virtual int status() const = 0;           // 0 before start()
  virtual uint64_t bytes_sent() const = 0;  // of the body, given to the socket

  virtual void at(const char* step) = 0;  // a literal; what this request waits for, for the operator
  virtual const char* step() const = 0;

 protected:
  ~Exchange() = default;
};

using Route = std::function<Task<>(Exchange&)>;

}  // namespace breakwater::proxy
