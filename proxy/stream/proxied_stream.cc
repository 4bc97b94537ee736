#include "proxy/stream/proxied_stream.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "proxy/stream/plain_stream.h"

namespace breakwater::proxy {

using Progress = ProxyHeader::Progress;

ByteStream::Opening ProxiedStream::opening() const {
  if (header_.progress == Progress::more) return Opening::under_way;
  return header_.progress == Progress::failed ? Opening::refused : rest_->opening();
}

std::string ProxiedStream::why() const {
  return header_.progress == Progress::failed ? header_.why : rest_->why();
}

ByteStream::Next ProxiedStream::open() {
  while (header_.progress == Progress::more) {
    const Next next = read_header();
    if (next != Next::now) return next;
  }
  return opening() == Opening::under_way ? rest_->open() : Next::now;
}

// Looks at what has come, and takes away what of that is the header's.
ByteStream::Next ProxiedStream::read_header() {
  std::array<char, kProxyHeaderBytesMax> seen;
  const ssize_t count = recv(fd_, seen.data(), seen.size(), MSG_PEEK);
  if (count < 0) return would_block(errno) ? Next::readable : Next::failed;
  if (count == 0) return Next::ended;
  const size_t before = begun_.size();
  begun_.append(seen.data(), static_cast<size_t>(count));
  header_ = parse_proxy_header(begun_);
  const size_t belongs =
      header_.progress == Progress::done ? header_.length - before : begun_.size() - before;
  if (recv(fd_, seen.data(), belongs, 0) != static_cast<ssize_t>(belongs)) return Next::failed;
  if (header_.progress != Progress::more) begun_ = std::string();
  return Next::now;
}

}  // namespace breakwater::proxy
