#include "conf/local_request.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

#include "proxy/server/local_socket.h"
#include "routes/ops/control.h"

namespace breakwater::conf {
namespace {

struct Connection {
  explicit Connection(int opened) : fd(opened) {}
  ~Connection() { close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int fd;
};

tl::unexpected<Error> broken(const char* what) {
  return failure(Error::Kind::internal,
                 std::string(what) + " the server: " + std::generic_category().message(errno));
}

Result<> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return broken("ask");
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::string> receive_all(int fd) {
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t got = recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return broken("hear");
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

// Parses only what our own server sends: one reply, then the end of the connection.
Result<LocalReply> reply_of(const std::string& text) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  LocalReply reply;
  const size_t body = text.find("\r\n\r\n");
  const bool is_reply = body != std::string::npos && text.starts_with(kVersion);
  if (!is_reply ||
      std::from_chars(text.data() + kVersion.size(), text.data() + body, reply.status).ec != std::errc()) {
    return failure(Error::Kind::internal, "the server ended before it answered");
  }
  reply.text = text.substr(body + 4);
  return reply;
}

}  // namespace

Result<LocalReply> ask_server(const std::filesystem::path& data, const std::string& method,
                              const std::string& target, const std::string& body) {
  const auto connected = proxy::connect_local(std::filesystem::absolute(data) / routes::kControlSocket);
  if (!connected) return failure(connected.error());
  const Connection connection(*connected);
  const std::string head =
      method + " " + target +
      " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n";
  if (auto sent = send_all(connection.fd, head + body); !sent) return failure(sent.error());
  const auto text = receive_all(connection.fd);
  if (!text) return failure(text.error());
  return reply_of(*text);
}

}  // namespace breakwater::conf
