// A connected stream socket on the loop. Received bytes wait in input(); bytes that the kernel did not take
// yet wait inside.
//
//   while (evbuffer_get_length(socket.input()) == 0 && !socket.ended()) co_await socket.changed().wait();
//
// What goes through the descriptor is the ByteStream's matter: the bytes as they are, or TLS.
//
// The socket reads on its own while input() holds less than the limit, and pauses beyond that; call
// consumed() after draining input(). What is long goes by receive() into the memory of who wants it: input()
// is for heads, and for what came with them. Sending is tried at once, which saves the loop two turns for
// most replies. Bytes that the kernel does not take are sent when the kernel is ready for them.
//
//   opening --open()--> open --(peer's FIN)--> ended: no more input comes, but output can still be sent
//        `----------------`---(reset, an error, cut())--> failed: nothing is received or sent any more, and
//                                     the descriptor is closed. The owner, told by on_failure, destroys the
//                                     Socket from the top of the loop.
//
// While it is opening, a handshake of TLS, nothing is received but by open(). Its owner calls that from a
// Task, so that many of them do not hold the loop. A Socket whose bytes are plain is open from the start.
//
// This is not a bufferevent, because a bufferevent of libevent 2.1 reads at most 4 KiB at a time
// (EVBUFFER_MAX_READ in its buffer.c), each time after an ioctl, and calls epoll_ctl twice for each reply.
// SIGPIPE must be ignored. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/loop/loop.h"
#include "proxy/stream/byte_stream.h"

struct evbuffer;

namespace breakwater::proxy {

class Socket {
 public:
  // Owns `fd`, which must be non-blocking, and which `stream` is for. `on_failure` is called once, from
  // inside any of the functions below or from the loop, so it must not destroy the Socket itself.
  Socket(Loop& loop, int fd, std::unique_ptr<ByteStream> stream, size_t input_bytes_max,
         std::function<void()> on_failure);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Rings when bytes were received or sent, when open() can go on, at the end of the input, and at a failure.
  Signal& changed() { return changed_; }

  // --- opening
  const ByteStream& stream() const { return *stream_; }
  bool is_opening() const { return stream_->opening() == ByteStream::Opening::under_way; }
  void open();  // As far as it goes with what has come.

  // --- receiving
  evbuffer* input() { return input_; }
  size_t received() const;               // bytes waiting in input()
  bool ended() const { return ended_; }  // whether nothing comes after what is in input()
  void consumed();                       // Call after draining input(): reading goes on if it was paused.
  // Fills `into` with what input() holds, and then with what the kernel has already. Returns the number of
  // bytes. Reading goes on if it was paused.
  size_t receive(std::span<char> into);
  // Puts the end of what receive() gave back to the front of input(), whatever the limit.
  void put_back(std::span<const char> bytes);
  void discard_input();  // From now on everything that is received is dropped.

  // --- sending
  // soon: more is sent right after this, so the kernel may wait for it instead of sending a small packet.
  using More = ByteStream::More;
  // Bytes that the kernel does not take now are copied.
  void send(std::initializer_list<std::string_view> parts, More more = More::no);
  // As above, but the bytes of `body` are not copied: `body` is kept until they are sent.
  void send(std::string_view head, std::shared_ptr<const std::string> body);
  // Returns how many bytes of the file were sent: 0 when the socket is not ready (changed() rings when it
  // is), nothing when the file is too short or cannot be read. Call it only when unsent() is 0.
  std::optional<size_t> send_file(int file, uint64_t offset, size_t bytes);
  size_t unsent() const;   // bytes that the kernel has not taken yet
  size_t untaken() const;  // bytes that the kernel has, and that of the peer not yet; our FIN is one
  // Makes changed() ring when the kernel takes more. A caller that waits for it gives other connections a
  // turn.
  void ring_when_writable();
  // Says that nothing more is sent, and sends our FIN. Call it only when unsent() is 0. What is received from
  // then on is only to be discarded.
  void end_sending();

  // --- for another Socket, in this process or another, if the stream is bare
  std::string take_input();   // what waits in input()
  std::string take_unsent();  // what the kernel has not taken
  // Gives the descriptor away: this Socket has failed then, and its owner is not told.
  int release();

  // --- the end
  bool failed() const { return failed_; }
  // reset: tells the peer that what it has received is not complete.
  enum class Closing { orderly, reset };
  void cut(Closing closing);

 private:
  void readable();
  void writable();
  size_t receive_directly(std::span<char> into);
  void pause_or_resume_reading();
  size_t send_directly(std::initializer_list<std::string_view> parts, More more);
  ByteStream::Moved send_front();
  void flush();
  void finish_sending();
  void heed(ByteStream::Next next);
  void fail();

  int fd_;                              // -1: failed
  std::unique_ptr<ByteStream> stream_;  // no call once it has failed: the descriptor may be another's then
  size_t input_bytes_max_;
  std::function<void()> on_failure_;
  Signal changed_;
  event* read_event_;
  event* write_event_;
  evbuffer* input_;
  evbuffer* output_;
  bool reading_ = false;
  bool opening_awaits_input_ = true;
  bool awaiting_writable_ = false;
  bool reads_when_writable_ = false;
  bool ends_sending_ = false;  // when the kernel takes what there is to say
  bool discarding_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace breakwater::proxy
