#include "proxy/server/socket.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr size_t kSendPieceBytes = size_t{256} * 1024;  // given to the kernel at a time
constexpr size_t kSendTurnBytes = size_t{1024} * 1024;  // then other connections have a turn
constexpr int kParts = 32;

using Next = ByteStream::Next;

}  // namespace

Socket::Socket(Loop& loop, int fd, std::unique_ptr<ByteStream> stream, size_t input_bytes_max,
               std::function<void()> on_failure)
    : fd_(fd),
      stream_(std::move(stream)),
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

void Socket::open() {
  if (!is_opening() || ended_ || failed_) return;
  const Next next = stream_->open();
  opening_awaits_input_ = next == Next::readable;
  heed(next);
  pause_or_resume_reading();
}

void Socket::pause_or_resume_reading() {
  const bool has_room = discarding_ || received() < input_bytes_max_;
  const bool wanted = !ended_ && !failed_ && (is_opening() ? opening_awaits_input_ : has_room);
  if (wanted && !reading_ && event_add(read_event_, nullptr) != 0) return fail();  // nothing would be read
  if (!wanted && reading_) event_del(read_event_);
  reading_ = wanted;
  // Behind event_add(), which does nothing for an event that is active already.
  if (wanted && stream_->has_pending()) event_active(read_event_, EV_READ, 0);
}

void Socket::readable() {
  if (is_opening()) {
    opening_awaits_input_ = false;
    pause_or_resume_reading();
    return changed_.ring();
  }
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

// How many bytes there were.
size_t Socket::receive_directly(std::span<char> into) {
  if (into.empty() || ended_ || failed_) return 0;
  const auto moved = stream_->receive(into);
  reads_when_writable_ = moved.next == Next::writable;
  heed(moved.next);
  return moved.bytes;
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

size_t Socket::send_directly(std::initializer_list<std::string_view> parts, More more) {
  const auto moved = stream_->send({parts.begin(), parts.size()}, more);
  heed(moved.next);
  return moved.bytes;
}

void Socket::send(std::initializer_list<std::string_view> parts, More more) {
  if (failed_) return;
  size_t sent = unsent() == 0 ? send_directly(parts, more) : 0;
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
  size_t sent = unsent() == 0 ? send_directly({head, *body}, More::no) : 0;
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
  const auto moved = stream_->send_file(file, offset, bytes);
  if (moved.next == Next::bad_file) return std::nullopt;
  heed(moved.next);
  return moved.bytes;
}

void Socket::ring_when_writable() {
  if (awaiting_writable_ || failed_) return;
  awaiting_writable_ = true;
  if (event_add(write_event_, nullptr) != 0) fail();  // nothing more would ever be sent
}

void Socket::writable() {
  awaiting_writable_ = false;
  flush();
  if (ends_sending_ && !failed_) finish_sending();
  if (std::exchange(reads_when_writable_, false) && reading_) readable();
  changed_.ring();
}

ByteStream::Moved Socket::send_front() {
  std::array<evbuffer_iovec, kParts> vectors{};
  std::array<std::string_view, kParts> parts;
  int count = evbuffer_peek(output_, kSendPieceBytes, nullptr, vectors.data(), kParts);
  if (count > kParts) {
    // Of many small ones, as many as a stream may look at are made one.
    const auto record = static_cast<ev_ssize_t>(std::min(unsent(), ByteStream::kRecordBytes));
    if (evbuffer_pullup(output_, record) == nullptr) return {0, Next::failed};
    count = std::min(evbuffer_peek(output_, kSendPieceBytes, nullptr, vectors.data(), kParts), kParts);
  }
  size_t room = kSendPieceBytes;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    parts[i] = {static_cast<const char*>(vectors[i].iov_base), std::min(vectors[i].iov_len, room)};
    room -= parts[i].size();
  }
  const auto moved = stream_->send({parts.data(), static_cast<size_t>(count)}, More::no);
  evbuffer_drain(output_, moved.bytes);
  return moved;
}

void Socket::flush() {
  const size_t goal = unsent() - std::min(unsent(), kSendTurnBytes);
  auto next = Next::now;
  while (unsent() > goal && !failed_ && next == Next::now) {
    next = send_front().next;
    heed(next);
  }
  if (unsent() > 0) ring_when_writable();
}

// What a stream says that is to be done.
void Socket::heed(Next next) {
  if (next == Next::writable) ring_when_writable();
  if (next == Next::ended) ended_ = true;
  if (next == Next::failed) fail();
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

size_t Socket::untaken() const {
  int bytes = 0;
  return !failed_ && ioctl(fd_, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

int Socket::release() {
  failed_ = true;
  pause_or_resume_reading();
  event_del(write_event_);
  return std::exchange(fd_, -1);
}

void Socket::end_sending() {
  if (failed_) return;
  ends_sending_ = true;
  finish_sending();
}

void Socket::finish_sending() {
  if (stream_->say_end() == Next::writable) return ring_when_writable();
  ends_sending_ = false;
  shutdown(fd_, SHUT_WR);
}

void Socket::cut(Closing closing) {
  if (failed_) return;
  if (closing == Closing::reset) {
    linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  } else if (unsent() == 0) {
    stream_->say_end();
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
