#include "conf/local_request.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "proxy/server/local_socket.h"
#include "routes/ops/api.h"

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

// What comes from the server, until it closes.
Result<> receive_all(int fd, const std::function<void(std::string_view)>& take) {
  std::array<char, 16384> piece;
  for (;;) {
    const ssize_t got = recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return broken("hear");
    if (got == 0) return {};
    take(std::string_view(piece.data(), static_cast<size_t>(got)));
  }
}

// Parses only what our own server sends: one reply, then the end of the connection.
class ReplyReader {
 public:
  explicit ReplyReader(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}

  void take(std::string_view piece) {
    text_ += piece;
    if (reply_.status == 0) take_head();
    const bool is_told = on_line_ != nullptr && reply_.status == 200;
    for (size_t end = 0; is_told && (end = text_.find('\n')) != std::string::npos;) {
      on_line_(std::string_view(text_).substr(0, end));
      text_.erase(0, end + 1);
    }
  }

  Result<LocalReply> end() {
    if (reply_.status == 0) return failure(Error::Kind::internal, "the server ended before it answered");
    reply_.body = std::move(text_);
    return std::move(reply_);
  }

 private:
  void take_head() {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    const size_t body = text_.find("\r\n\r\n");
    if (body == std::string::npos || !text_.starts_with(kVersion)) return;
    std::from_chars(text_.data() + kVersion.size(), text_.data() + body, reply_.status);
    text_.erase(0, body + 4);
  }

  const std::function<void(std::string_view)>& on_line_;
  std::string text_;
  LocalReply reply_;
};

// In HTTP/1.0, so that the end of the connection ends the reply.
std::string text_of(const LocalRequest& request) {
  std::string text = request.method + " " + request.target + " HTTP/1.0\r\nHost: localhost\r\n";
  if (!request.accept.empty()) text += "Accept: " + request.accept + "\r\n";
  if (!request.json.empty()) text += "Content-Type: application/json\r\n";
  return text + "Content-Length: " + std::to_string(request.json.size()) + "\r\n\r\n" + request.json;
}

}  // namespace

Result<LocalReply> ask_server(const std::filesystem::path& data, const LocalRequest& request,
                              const std::function<void(std::string_view)>& on_line,
                              const std::stop_token& stop) {
  const auto connected = proxy::connect_local(std::filesystem::absolute(data) / routes::kControlSocket);
  if (!connected) return failure(connected.error());
  const Connection connection(*connected);
  const std::stop_callback leaves(stop, [fd = connection.fd] { ::shutdown(fd, SHUT_RDWR); });
  if (auto sent = send_all(connection.fd, text_of(request)); !sent) return failure(sent.error());
  ReplyReader reader(on_line);
  auto received = receive_all(connection.fd, [&reader](std::string_view piece) { reader.take(piece); });
  if (stop.stop_requested()) return failure(Error::Kind::internal, "stopped");
  if (!received) return failure(received.error());
  return reader.end();
}

}  // namespace breakwater::conf
