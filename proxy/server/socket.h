// A connected stream socket on the loop: bytes that came wait in input(), bytes that could not go yet wait
// inside.
//
//   while (evbuffer_get_length(socket.input()) == 0 && !socket.ended()) co_await socket.changed().wait();
//
// Reading goes on by itself while input() holds less than the limit, and pauses beyond it: call consumed()
// after draining. Sending is tried at once, which saves the loop two turns for most replies; what the kernel
// does not take follows when it does.
//
//   open --(peer's FIN)--> ended: no more input, but it can still be sent to
//     `---(reset, an error, cut())--> failed: nothing moves any more, and the owner, told by on_failure,
//     destroys it from the top of the loop
//
// This is not a bufferevent, because those of libevent 2.1 read at most 4 KiB at a time (EVBUFFER_MAX_READ in
// its buffer.c), each after an ioctl, and go through epoll_ctl twice for each reply. SIGPIPE must be ignored.
// Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/loop/loop.h"

struct evbuffer;

namespace breakwater::proxy {

class Socket {
 public:
  // Takes `fd`, which does not block. `on_failure` is called once, from anywhere; it must not destroy the
  // Socket there and then.
  Socket(Loop& loop, int fd, size_t input_bytes_max, std::function<void()> on_failure);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Rings when bytes came or went, at the end and at a failure.
  Signal& changed() { return changed_; }

  // --- receiving
  evbuffer* input() { return input_; }
  size_t received() const;               // bytes waiting in input()
  bool ended() const { return ended_; }  // after what is in input() there comes no more
  void consumed();                       // input() was drained: reads on if it was paused
  // What is there already, until input() holds `bytes`, whatever the limit.
  void receive_now(size_t bytes);
  void discard_input();  // from now on everything received is dropped

  // --- sending
  // soon: the rest follows at once, so that a first small part need not go alone.
  enum class More { no, soon };
  // What cannot go now is copied.
  void send(std::initializer_list<std::string_view> parts, More more = More::no);
  // What cannot go now of `body` is kept by reference.
  void send(std::string_view head, std::shared_ptr<const std::string> body);
  // The number of bytes that went from the file: 0 when the socket is not ready (changed() rings when it is),
  // nothing when the file is too short or cannot be read. Only when unsent() is 0.
  std::optional<size_t> send_file(int file, uint64_t offset, size_t bytes);
  size_t unsent() const;  // bytes that wait here
  // changed() rings when the kernel takes more: to let others have a turn.
  void ring_when_writable();
  void end_sending();  // our FIN; only when unsent() is 0

  // --- the end
  bool failed() const { return failed_; }
  enum class Closing { orderly, reset };  // reset: the peer must not take what it has for a whole
  void cut(Closing closing);

 private:
  void readable();
  void writable();
  void receive(size_t bytes);
  void pause_or_resume_reading();
  size_t send_directly(std::initializer_list<std::string_view> parts, int flags);
  void flush();
  void fail();

  int fd_;
  size_t input_bytes_max_;
  std::function<void()> on_failure_;
  Signal changed_;
  event* read_event_;
  event* write_event_;
  evbuffer* input_;
  evbuffer* output_;
  bool reading_ = false;
  bool awaiting_writable_ = false;
  bool discarding_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace breakwater::proxy
