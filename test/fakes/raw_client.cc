#include "test/fakes/raw_client.h"

#include <event2/buffer.h>
#include <event2/util.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "proxy/http/http.h"
#include "proxy/stream/plain_stream.h"
#include "test/fakes/run.h"

namespace breakwater::test {
namespace {

constexpr size_t kInputBytesMax = 64 << 20;
constexpr int kTurns = 8;

int connect_to(const std::string& address, size_t receive_window) {
  sockaddr_storage parsed{};
  int length = sizeof parsed;
  auto* generic = reinterpret_cast<sockaddr*>(&parsed);
  if (evutil_parse_sockaddr_port(address.c_str(), generic, &length) != 0)
    throw std::runtime_error("no address: " + address);
  int fd = socket(parsed.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_window > 0) {
    int window = static_cast<int>(receive_window);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  }
  if (connect(fd, generic, static_cast<socklen_t>(length)) != 0)
    throw std::runtime_error("cannot connect to " + address);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

// Bytes that the kernel of the other end has not said it has.
int unacknowledged(int fd) {
  int bytes = 0;
  if (ioctl(fd, SIOCOUTQ, &bytes) != 0) throw std::runtime_error("cannot ask the socket what it has sent");
  return bytes;
}

proxy::Task<> poll_until(proxy::Loop& loop, std::function<bool()> condition) {
  while (!condition()) co_await loop.sleep(proxy::Millis(0));
}

std::string header_of(const std::string& head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
    size_t colon = head.find(':', at);
    if (colon == std::string::npos) break;
    if (!proxy::same_token(std::string_view(head).substr(at + 2, colon - at - 2), name)) continue;
    return head.substr(colon + 2, head.find("\r\n", colon) - colon - 2);
  }
  return "";
}

// Without what differs each time.
std::string comparable(std::string head) {
  for (const char* line : {"\r\nDate: ", "\r\nX-Request-Id: "}) {
    const size_t at = head.find(line);
    if (at != std::string::npos) head.erase(at, head.find("\r\n", at + 2) - at);
  }
  return head;
}

}  // namespace

void run_until(proxy::Loop& loop, const std::function<bool()>& condition) {
  run(loop, poll_until(loop, condition));
}

void run_some_turns(proxy::Loop& loop) {
  int turns = 0;
  run_until(loop, [&turns] { return ++turns > kTurns; });
}

RawClient::RawClient(proxy::Loop& loop, const std::string& address, size_t receive_window,
                     const Speech& speech)
    : loop_(loop),
      fd_(connect_to(address, receive_window)),
      socket_(std::make_unique<proxy::Socket>(
          loop, fd_, speech ? speech(fd_) : std::make_unique<proxy::PlainStream>(fd_),
          receive_window > 0 ? receive_window : kInputBytesMax, [this] { failed_ = true; })) {}

void RawClient::run_until(const std::function<bool()>& condition) { test::run_until(loop_, condition); }

size_t RawClient::received() const { return socket_ ? socket_->received() : 0; }
bool RawClient::over() const { return !socket_ || failed_ || socket_->ended(); }

void RawClient::send(std::string_view text) { socket_->send({text}); }

void RawClient::send_byte_by_byte(std::string_view text) {
  for (char c : text) {
    send(std::string_view(&c, 1));
    int turns = 0;
    run_until([&turns] { return ++turns > 2; });
  }
}

void RawClient::send_in_two(std::string_view text, size_t first) {
  send(text.substr(0, first));
  deliver();
  send(text.substr(first));
}

void RawClient::deliver() {
  run_until([this] { return over() || (socket_->unsent() == 0 && unacknowledged(fd_) == 0); });
  run_some_turns(loop_);
}

std::string RawClient::take(size_t bytes) {
  std::string text(std::min(bytes, received()), '\0');
  evbuffer_remove(socket_->input(), text.data(), text.size());
  socket_->consumed();
  return text;
}

std::string RawClient::waiting() const {
  std::string text(received(), '\0');
  evbuffer_copyout(socket_->input(), text.data(), text.size());
  return text;
}

size_t RawClient::head_length() const {
  auto end = waiting().find("\r\n\r\n");
  return end == std::string::npos ? 0 : end + 4;
}

// In portions, as a slow client's socket holds less than may be asked for.
std::string RawClient::receive(size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    run_until([this] { return received() > 0 || over(); });
    if (received() == 0) break;
    text += take(bytes - text.size());
  }
  return text;
}

std::string RawClient::receive_head() {
  run_until([this] { return head_length() > 0 || over(); });
  size_t length = head_length();
  return comparable(take(length > 0 ? length : received()));
}

std::string RawClient::receive_reply_to_head() { return receive_head(); }

std::string RawClient::receive_reply() {
  std::string reply = receive_head();
  auto length = header_of(reply, "Content-Length");
  if (!length.empty()) return reply + receive(std::stoull(length));
  if (reply.empty()) return reply;
  auto status = reply.substr(9, 3);
  if (status == "204" || status == "304" || status[0] == '1') return reply;
  if (header_of(reply, "Transfer-Encoding").empty()) return reply + receive_to_end();
  for (uint64_t bytes = 1; bytes > 0;) {
    std::string head;
    while (!head.ends_with("\r\n")) {
      const auto more = receive(1);
      if (more.empty()) return reply + head;
      head += more;
    }
    bytes = std::stoull(head, nullptr, 16);
    reply += head + receive(bytes + 2);
  }
  return reply;
}

std::string RawClient::receive_to_end() {
  std::string text;
  for (;;) {
    run_until([this] { return received() > 0 || over(); });
    if (received() == 0) return comparable(std::move(text));
    text += take(received());
  }
}

bool RawClient::ends() {
  run_until([this] { return over(); });
  return received() == 0;
}

bool RawClient::ended() {
  if (!over()) run_some_turns(loop_);
  return over() && received() == 0;
}

void RawClient::end_sending() { socket_->end_sending(); }
void RawClient::leave() { socket_.reset(); }

void RawClient::reset() {
  socket_->cut(proxy::Socket::Closing::reset);
  socket_.reset();
}

}  // namespace breakwater::test
