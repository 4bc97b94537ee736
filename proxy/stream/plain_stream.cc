#include "proxy/stream/plain_stream.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace breakwater::proxy {
namespace {

constexpr size_t kPartsMax = 32;  // given to the kernel at a time

}  // namespace

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

bool is_of_peer(int error) {
  return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH ||
         error == ENETUNREACH;
}

ByteStream::Moved PlainStream::receive(std::span<char> into) {
  const ssize_t count = recv(fd_, into.data(), into.size(), 0);
  if (count > 0) return {static_cast<size_t>(count), Next::now};
  if (count == 0) return {0, Next::ended};
  return {0, would_block(errno) ? Next::readable : Next::failed};
}

ByteStream::Moved PlainStream::send(Parts parts, More more) {
  std::array<iovec, kPartsMax> vectors{};
  const size_t count = std::min(parts.size(), vectors.size());
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = iovec{const_cast<char*>(parts[i].data()), parts[i].size()};
    bytes += parts[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL | (more == More::soon ? MSG_MORE : 0));
  if (sent < 0) return {0, would_block(errno) ? Next::writable : Next::failed};
  const bool is_all = static_cast<size_t>(sent) == bytes;
  return {static_cast<size_t>(sent), is_all ? Next::now : Next::writable};
}

ByteStream::Moved PlainStream::send_file(int file, uint64_t offset, size_t bytes) {
  auto position = static_cast<off_t>(offset);
  const ssize_t sent = ::sendfile(fd_, file, &position, bytes);
  if (sent > 0) return {static_cast<size_t>(sent), Next::now};
  if (sent == 0) return {0, Next::bad_file};
  if (would_block(errno)) return {0, Next::writable};
  return {0, is_of_peer(errno) ? Next::failed : Next::bad_file};
}

}  // namespace breakwater::proxy
