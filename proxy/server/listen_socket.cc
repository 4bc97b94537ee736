#include "proxy/server/listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr int kUnsentInKernelMax = 512 << 10;

Error bind_error(const std::string& address, int error) {
  auto kind = error == EADDRINUSE ? Error::Kind::conflict : Error::Kind::internal;
  return Error(kind, "listen on " + address + ": " + std::generic_category().message(error), 0);
}

// "127.0.0.1:5000" or "[::1]:5000"; nothing if the address has neither form. (libevent's own parser refuses
// port 0.)
std::optional<sockaddr_storage> parse_address(const std::string& address, socklen_t& length) {
  auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::string host = address.substr(0, colon);
  uint16_t port = 0;
  const char* end = address.data() + address.size();
  auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  sockaddr_storage result{};
  if (host.front() == '[' && host.back() == ']') {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1) return std::nullopt;
    std::memcpy(&result, &v6, length = sizeof v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return std::nullopt;
    std::memcpy(&result, &v4, length = sizeof v4);
  }
  return result;
}

}  // namespace

std::string bound_address(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof v4);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

Result<Descriptor> bind_listener(const std::string& address) {
  socklen_t length = 0;
  auto parsed = parse_address(address, length);
  if (!parsed)
    return failure(
        Error::Kind::invalid,
        "listen on \"" + address + "\": that is no address with a port, as 127.0.0.1:5000 or [::1]:5000");
  Descriptor bound(socket(parsed->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = bound.fd();
  if (fd < 0) return failure(bind_error(address, errno));
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // [::] takes IPv4 too, whatever net.ipv6.bindv6only says.
  int off = 0;
  if (parsed->ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*parsed), length) != 0)
    return failure(bind_error(address, errno));
  return bound;
}

Result<> prepare_listener(int fd) {
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return failure(bind_error(bound_address(fd), errno));
  // On Linux every accepted connection inherits these options.
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  // What a client that does not read leaves in the kernel is memory too.
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernelMax, sizeof kUnsentInKernelMax);
  return {};
}

}  // namespace breakwater::proxy
