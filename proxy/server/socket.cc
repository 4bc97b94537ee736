#include "proxy/server/socket.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr size_t kSendPieceBytes = size_t{256} * 1024;  // given to the kernel at a time
constexpr size_t kSendTurnBytes = size_t{1024} * 1024;  // then other connections have a turn
constexpr size_t kParts = 4;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }
// Whether an error of sendfile() is about the socket and not about the file.
bool is_of_peer(int error) {
  return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH ||
         error == ENETUNREACH;
}

}  // namespace

Socket::Socket(Loop& loop, int fd, size_t input_bytes_max, std::function<void()> on_failure)
    : fd_(fd),
      input_bytes_max_(input_bytes_max),
      on_failure_(std::move(on_failure)),
      changed_(loop),
      read_event_(event_new(
          loop.base(), fd, EV_READ | EV_PERSIST,
          [](evutil_socket_t, short, void* self) { static_cast<Socket*>(self)->readable(); }, this)),
      write_event_(event_new(
          loop.base(), fd, EV_WRITE,
          [](evutil_socket_t, short, void* self) { static_cast<Socket*>(self)->writable(); }, this)),
      input_(evbuffer_new()),
      output_(evbuffer_new()) {
  if (read_event_ == nullptr || write_event_ == nullptr || input_ == nullptr || output_ == nullptr)
    throw std::bad_alloc();
  for (event* one : {read_event_, write_event_}) event_priority_set(one, Loop::priority_of(loop.place()));
  pause_or_resume_reading();
}

Socket::~Socket() {
  event_free(read_event_);
  event_free(write_event_);
  evbuffer_free(input_);
  evbuffer_free(output_);
  if (fd_ >= 0) close(fd_);
}

size_t Socket::received() const { return evbuffer_get_length(input_); }
size_t Socket::unsent() const { return evbuffer_get_length(output_); }

void Socket::pause_or_resume_reading() {
  bool wanted = !ended_ && !failed_ && (discarding_ || received() < input_bytes_max_);
  if (wanted == reading_) return;
  reading_ = wanted;
  if (!wanted) {
    event_del(read_event_);
  } else if (event_add(read_event_, nullptr) != 0) {
    fail();  // nothing would ever be read
  }
}

void Socket::readable() {
  const size_t bytes_max =
      discarding_ ? kSendPieceBytes : std::min(kSendPieceBytes, input_bytes_max_ - received());
  evbuffer_iovec space{};
  if (evbuffer_reserve_space(input_, static_cast<ev_ssize_t>(bytes_max), &space, 1) < 1) return fail();
  space.iov_len = receive_directly({static_cast<char*>(space.iov_base), std::min(space.iov_len, bytes_max)});
  evbuffer_commit_space(input_, &space, 1);
  if (discarding_) evbuffer_drain(input_, received());
  pause_or_resume_reading();
  changed_.ring();
}

// One call to the kernel: how many bytes it had.
size_t Socket::receive_directly(std::span<char> into) {
  if (into.empty() || ended_ || failed_) return 0;
  ssize_t count = recv(fd_, into.data(), into.size(), 0);
  if (count > 0) return static_cast<size_t>(count);
  if (count == 0) ended_ = true;
  if (count < 0 && !would_block(errno)) fail();
  return 0;
}

void Socket::consumed() { pause_or_resume_reading(); }

size_t Socket::receive(std::span<char> into) {
  auto waiting = static_cast<size_t>(std::max(evbuffer_remove(input_, into.data(), into.size()), 0));
  size_t bytes = waiting + receive_directly(into.subspan(waiting));
  pause_or_resume_reading();
  return bytes;
}

void Socket::put_back(std::span<const char> bytes) {
  if (evbuffer_prepend(input_, bytes.data(), bytes.size()) != 0) return fail();  // a gap would go unseen
  pause_or_resume_reading();
}

void Socket::discard_input() {
  discarding_ = true;
  evbuffer_drain(input_, received());
  pause_or_resume_reading();
}

size_t Socket::send_directly(std::initializer_list<std::string_view> parts, int flags) {
  std::array<iovec, kParts> vectors{};
  size_t count = 0;
  for (auto part : parts) vectors[count++] = iovec{const_cast<char*>(part.data()), part.size()};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL | flags);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (!would_block(errno)) fail();
  return 0;
}

void Socket::send(std::initializer_list<std::string_view> parts, More more) {
  if (failed_) return;
  size_t sent = unsent() == 0 ? send_directly(parts, more == More::soon ? MSG_MORE : 0) : 0;
  if (failed_) return;
  for (auto part : parts) {
    size_t gone = std::min(sent, part.size());
    sent -= gone;
    // A body with a gap in it must never look whole.
    if (gone < part.size() && evbuffer_add(output_, part.data() + gone, part.size() - gone) != 0)
      return fail();
  }
  if (unsent() > 0) ring_when_writable();
}

void Socket::send(std::string_view head, std::shared_ptr<const std::string> body) {
  if (failed_) return;
  size_t sent = unsent() == 0 ? send_directly({head, *body}, 0) : 0;
  if (failed_ || sent == head.size() + body->size()) return;
  if (sent < head.size() && evbuffer_add(output_, head.data() + sent, head.size() - sent) != 0) return fail();
  size_t gone = sent - std::min(sent, head.size());
  using Owner = std::shared_ptr<const std::string>;
  const char* rest = body->data() + gone;
  size_t rest_bytes = body->size() - gone;
  auto release = [](const void*, size_t, void* owner) { delete static_cast<Owner*>(owner); };
  // The buffer's, until the bytes are sent.
  auto* owner = std::make_unique<Owner>(std::move(body)).release();
  if (evbuffer_add_reference(output_, rest, rest_bytes, release, owner) != 0) {
    delete owner;
    return fail();
  }
  ring_when_writable();
}

std::optional<size_t> Socket::send_file(int file, uint64_t offset, size_t bytes) {
  if (failed_) return 0;
  auto position = static_cast<off_t>(offset);
  ssize_t sent = ::sendfile(fd_, file, &position, bytes);
  if (sent > 0) return static_cast<size_t>(sent);
  if (sent == 0) return std::nullopt;
  if (would_block(errno)) {
    ring_when_writable();
    return 0;
  }
  if (!is_of_peer(errno)) return std::nullopt;
  fail();
  return 0;
}

void Socket::ring_when_writable() {
  if (awaiting_writable_ || failed_) return;
  awaiting_writable_ = true;
  if (event_add(write_event_, nullptr) != 0) fail();  // nothing more would ever be sent
}

void Socket::writable() {
  awaiting_writable_ = false;
  flush();
  changed_.ring();
}

void Socket::flush() {
  size_t goal = unsent() - std::min(unsent(), kSendTurnBytes);
  while (unsent() > goal && !failed_) {
    int sent = evbuffer_write_atmost(output_, fd_, kSendPieceBytes);
    if (sent > 0) continue;
    if (sent < 0 && !would_block(errno)) fail();
    break;
  }
  if (unsent() > 0) ring_when_writable();
}

std::string Socket::take_input() {
  std::string bytes(received(), '\0');
  evbuffer_remove(input_, bytes.data(), bytes.size());
  return bytes;
}

std::string Socket::take_unsent() {
  std::string bytes(unsent(), '\0');
  evbuffer_remove(output_, bytes.data(), bytes.size());
  return bytes;
}

int Socket::release() {
  failed_ = true;
  pause_or_resume_reading();
  event_del(write_event_);
  return std::exchange(fd_, -1);
}

void Socket::end_sending() { shutdown(fd_, SHUT_WR); }

void Socket::cut(Closing closing) {
  if (closing == Closing::reset) {
    linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  fail();
}

void Socket::fail() {
  if (failed_) return;
  failed_ = true;
  evbuffer_drain(output_, unsent());
  pause_or_resume_reading();
  event_del(write_event_);
  close(std::exchange(fd_, -1));
  changed_.ring();
  on_failure_();
}

}  // namespace breakwater::proxy
