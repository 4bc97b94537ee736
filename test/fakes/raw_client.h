// An HTTP client that knows no HTTP: a test says what is sent, to the byte, and sees what comes back. One
// connection to a server on the test's own Loop; every call that waits runs the Loop until it has what it
// waits for, and fails the test after a while.
//
//   RawClient client(loop, address);
//   client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
//   CHECK(client.receive_reply() == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//
// Replies are returned without their Date line, so that they can be compared.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/server/socket.h"

namespace breakwater::test {

class RawClient {
 public:
  // How it speaks through its descriptor; null: plainly.
  using Speech = std::function<std::unique_ptr<proxy::ByteStream>(int fd)>;
  // Connects to "127.0.0.1:5000". With a small `receive_window` the kernel soon stops the server: a slow
  // client.
  RawClient(proxy::Loop& loop, const std::string& address, size_t receive_window = 0,
            const Speech& speech = nullptr);

  // --- sending
  void send(std::string_view text);
  void send_byte_by_byte(std::string_view text);          // each in a turn of its own
  void send_in_two(std::string_view text, size_t first);  // the first bytes, delivered, then the rest
  // Until the server's kernel has all that was sent, or the connection is over; and a few turns, for what the
  // server makes of it.
  void deliver();
  size_t unsent() const { return socket_ ? socket_->unsent() : 0; }  // that the kernel has not taken yet

  // --- receiving; less than asked for if the server ends before
  std::string receive(size_t bytes);
  std::string receive_head();  // through its empty line
  // Head and body, as Content-Length, chunks (left as they are) or the end say.
  std::string receive_reply();
  std::string receive_reply_to_head();  // the reply to a HEAD: no body, whatever its headers say
  std::string receive_to_end();
  bool ends();   // waits until the server has closed: was all received before?
  bool ended();  // has closed, or does so within a few turns, and all was received
  bool was_reset() const { return failed_; }
  size_t received() const;  // bytes that wait

  // --- leaving
  void end_sending();  // half-close: still receives
  void leave();        // close
  void reset();        // close, with RST

 private:
  void run_until(const std::function<bool()>& condition);
  std::string take(size_t bytes);
  std::string waiting() const;
  size_t head_length() const;
  bool over() const;

  proxy::Loop& loop_;
  int fd_;  // the socket's
  bool failed_ = false;
  std::unique_ptr<proxy::Socket> socket_;
};

// Lets what is ready happen: the Loop runs until `condition` holds. Fails the test when it does not for too
// long.
void run_until(proxy::Loop& loop, const std::function<bool()>& condition);
// A few turns of the Loop: what was going to happen at once has happened.
void run_some_turns(proxy::Loop& loop);

}  // namespace breakwater::test
