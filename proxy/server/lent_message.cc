#include "proxy/server/lent_message.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr int kLookForStopEvery_ms = 100;

tl::unexpected<Error> gone(const char* what) {
  return failure(Error::Kind::unavailable,
                 std::string(what) + " whoever lends the folder: " +
                     (errno == 0 ? std::string("it has ended") : std::generic_category().message(errno)));
}

// Of the first bytes that are sent, whose descriptor goes along.
ssize_t send_some(int socket, std::string_view bytes, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

Result<> send_all(int socket, std::string_view bytes, int descriptor) {
  while (!bytes.empty()) {
    const ssize_t sent = send_some(socket, bytes, descriptor);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return gone("tell");
    descriptor = -1;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<> wait_for_bytes(int socket, const std::stop_token& stop) {
  for (;;) {
    pollfd waits{socket, POLLIN, 0};
    const int ready = poll(&waits, 1, kLookForStopEvery_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return gone("hear");
    if (stop.stop_requested()) return failure(Error::Kind::unavailable, "it was stopped");
  }
}

// A descriptor that comes along goes into `descriptor`.
Result<> receive_all(int socket, std::span<char> into, Descriptor& descriptor, const std::stop_token& stop) {
  while (!into.empty()) {
    if (auto ready = wait_for_bytes(socket, stop); !ready) return ready;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec vector{into.data(), into.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    errno = 0;
    const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return gone("hear");
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      int found = -1;
      std::memcpy(&found, CMSG_DATA(header), sizeof(int));
      descriptor = Descriptor(found);
    }
    into = into.subspan(static_cast<size_t>(got));
  }
  return {};
}

}  // namespace

void LentMessage::add(uint64_t number) {
  std::array<char, sizeof number> raw;
  std::memcpy(raw.data(), &number, sizeof number);
  bytes_.append(raw.data(), raw.size());
}

void LentMessage::add(std::string_view text) {
  add(uint64_t{text.size()});
  bytes_ += text;
}

uint64_t LentMessage::number() {
  uint64_t number = 0;
  is_broken_ = is_broken_ || bytes_.size() - at_ < sizeof number;
  if (is_broken_) return 0;
  std::memcpy(&number, bytes_.data() + at_, sizeof number);
  at_ += sizeof number;
  return number;
}

std::string LentMessage::text() {
  const uint64_t size = number();
  is_broken_ = is_broken_ || bytes_.size() - at_ < size;
  if (is_broken_) return {};
  std::string text = bytes_.substr(at_, size);
  at_ += size;
  return text;
}

Result<> send_message(int socket, const LentMessage& message, int descriptor) {
  const auto size = static_cast<uint32_t>(message.bytes().size());
  if (message.bytes().size() > LentMessage::kBytesMax)
    return failure(Error::Kind::too_large, "more names than one message has room for");
  std::string head(sizeof size, '\0');
  std::memcpy(head.data(), &size, sizeof size);
  if (auto sent = send_all(socket, head, descriptor); !sent) return sent;
  return send_all(socket, message.bytes(), -1);
}

Result<Received> receive_message(int socket, const std::stop_token& stop) {
  Received received;
  uint32_t size = 0;
  std::array<char, sizeof size> head{};
  if (auto got = receive_all(socket, head, received.descriptor, stop); !got) return failure(got.error());
  std::memcpy(&size, head.data(), sizeof size);
  if (size > LentMessage::kBytesMax) return failure(Error::Kind::invalid, "a message of too many bytes");
  std::string bytes(size, '\0');
  if (auto got = receive_all(socket, bytes, received.descriptor, stop); !got) return failure(got.error());
  received.message = LentMessage(std::move(bytes));
  return received;
}

}  // namespace breakwater::proxy
