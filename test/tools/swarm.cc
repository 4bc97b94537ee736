// Many HTTP/1.1 clients in one thread, as cheap as the kernel allows: bodies are thrown away unread
// (MSG_TRUNC) unless they are hashed.
//
//   swarm --to HOST:PORT --path PATH [--path PATH ...] [options]
//
//   --clients N            connections, all opened at once (default 1)
//   --header "Name: value" sent with every request; may be repeated
//   --hash-every N         every Nth client hashes what it gets and reports sha256 (default 0: none)
//   --slow N --slow-rate B the first N clients read B bytes/s
//   --leave N --leave-at F the N clients after those go away at fraction F of the body of their last path
//   --seconds S            instead: every client asks for the paths over and over on its connection for
//                          S seconds; prints requests/s
//   --timeout S            gives up after S seconds (default 300)
//
// Without --seconds each client asks for the paths one after the other on one connection and ends. Times are
// seconds since all clients were started. Replies need a Content-Length. Prints one JSON object.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace breakwater::test {
namespace {

using Json = nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kReadBytesMax = 1 << 20;
constexpr size_t kHeadBytesMax = 64 * 1024;

struct Options {
  sockaddr_in to{};
  std::vector<std::string> paths;
  std::string headers;
  std::string host;
  size_t clients = 1;
  size_t hash_every = 0;
  size_t slow = 0;
  double slow_rate = 1e6;
  size_t leave = 0;
  double leave_at = 0.1;
  double seconds = 0;
  double timeout_s = 300;
};

struct HashEnd {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

struct Client {
  enum class End { running, complete, cut, refused, left, malformed };

  size_t number = 0;
  int socket = -1;
  size_t path = 0;
  std::string head;  // of the reply being received
  bool in_body = false;
  uint64_t body_left = 0;
  uint64_t body_length = 0;
  uint64_t bytes = 0;  // of bodies
  uint64_t replies = 0;
  uint64_t bad_replies = 0;  // not 2xx
  std::vector<int> statuses;
  double first_byte_s = -1;  // of the first body
  double end_s = -1;
  double asked_s = 0;
  End end = End::running;
  bool slow = false;
  bool leaves = false;
  std::unique_ptr<EVP_MD_CTX, HashEnd> hash;
  std::vector<std::string> sha256;
  double may_read_at_s = 0;  // slow clients
};

const char* name_of(Client::End end) {
  switch (end) {
    case Client::End::running: return "running";
    case Client::End::complete: return "complete";
    case Client::End::cut: return "cut";
    case Client::End::refused: return "refused";
    case Client::End::left: return "left";
    case Client::End::malformed: return "malformed";
  }
  return "";
}

class Swarm {
 public:
  explicit Swarm(Options options);
  Json run();

 private:
  void start(Client& client);
  void ask(Client& client);
  void readable(Client& client);
  // False when the client has nothing more to read for now, or is done.
  bool read_head(Client& client);
  bool read_body(Client& client);
  void head_complete(Client& client, size_t head_bytes);
  void took(Client& client, const char* bytes, size_t count);
  void reply_complete(Client& client);
  void finish(Client& client, Client::End end);
  void wake_slow_clients();
  double now_s() const { return std::chrono::duration<double>(SteadyClock::now() - begin_).count(); }
  Json report() const;
  Json rates() const;

  Options options_;
  int epoll_ = epoll_create1(0);
  SteadyClock::time_point begin_ = SteadyClock::now();
  std::vector<Client> clients_;
  std::vector<std::string> requests_;
  size_t running_ = 0;
  std::vector<char> buffer_ = std::vector<char>(kReadBytesMax);
  std::vector<float> latencies_s_;
};

Swarm::Swarm(Options options) : options_(std::move(options)), clients_(options_.clients) {
  for (const std::string& path : options_.paths)
    requests_.push_back("GET " + path + " HTTP/1.1\r\nHost: " + options_.host + "\r\n" + options_.headers +
                        "\r\n");
}

void Swarm::start(Client& client) {
  client.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (client.slow) {
    int small = 64 * 1024;  // so that the kernel does not read ahead for a client that reads slowly
    setsockopt(client.socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
  ++running_;
  if (connect(client.socket, reinterpret_cast<sockaddr*>(&options_.to), sizeof options_.to) != 0 &&
      errno != EINPROGRESS) {
    finish(client, Client::End::refused);
    return;
  }
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.ptr = &client;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, client.socket, &event);
}

void Swarm::ask(Client& client) {
  const std::string& request = requests_[client.path];
  client.asked_s = now_s();
  if (send(client.socket, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    finish(client, Client::End::cut);
}

void Swarm::readable(Client& client) {
  if (client.slow && now_s() < client.may_read_at_s) {
    epoll_event event{};  // wake_slow_clients() listens again
    event.data.ptr = &client;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
    return;
  }
  while (client.end == Client::End::running) {
    if (!(client.in_body ? read_body(client) : read_head(client))) return;
    if (client.slow) return;
  }
}

bool Swarm::read_head(Client& client) {
  // The head and, for small replies, the body behind it.
  ssize_t count =
      recv(client.socket, buffer_.data(), client.hash || options_.seconds > 0 ? kReadBytesMax : 4096, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    finish(client, count < 0 && client.statuses.empty() && errno == ECONNREFUSED ? Client::End::refused
                                                                                 : Client::End::cut);
    return false;
  }
  size_t before = client.head.size();
  client.head.append(buffer_.data(), static_cast<size_t>(count));
  size_t end = client.head.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (client.head.size() > kHeadBytesMax) finish(client, Client::End::malformed);
    return client.end == Client::End::running;
  }
  head_complete(client, end + 4);
  if (client.end != Client::End::running) return false;
  size_t body_begins = end + 4 - before;
  size_t body_count = static_cast<size_t>(count) - body_begins;
  client.head.clear();
  client.in_body = true;
  if (body_count > 0 || client.body_left == 0) took(client, buffer_.data() + body_begins, body_count);
  return client.end == Client::End::running;
}

void Swarm::head_complete(Client& client, size_t head_bytes) {
  std::string_view head(client.head.data(), head_bytes);
  int status = head.size() > 12 ? std::atoi(client.head.c_str() + 9) : 0;
  if (options_.seconds <= 0) client.statuses.push_back(status);
  if (status < 200 || status > 299) ++client.bad_replies;
  uint64_t length = UINT64_MAX;
  for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const char* line = head.data() + at + 2;
    if (strncasecmp(line, "content-length:", 15) == 0) length = std::strtoull(line + 15, nullptr, 10);
  }
  if (length == UINT64_MAX) finish(client, Client::End::malformed);
  client.body_left = client.body_length = length;
}

bool Swarm::read_body(Client& client) {
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(kReadBytesMax, client.body_left));
  if (client.slow) wanted = std::min<size_t>(wanted, 32 * 1024);
  ssize_t count = recv(client.socket, buffer_.data(), wanted, client.hash ? 0 : MSG_TRUNC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    finish(client, Client::End::cut);
    return false;
  }
  took(client, buffer_.data(), static_cast<size_t>(count));
  return client.end == Client::End::running;
}

void Swarm::took(Client& client, const char* bytes, size_t count) {
  if (count > 0 && client.first_byte_s < 0) client.first_byte_s = now_s();
  if (client.hash) EVP_DigestUpdate(client.hash.get(), bytes, count);
  client.bytes += count;
  client.body_left -= std::min<uint64_t>(count, client.body_left);
  if (client.slow)
    client.may_read_at_s =
        std::max(client.may_read_at_s, now_s() - 0.1) + static_cast<double>(count) / options_.slow_rate;
  bool last = client.path + 1 == requests_.size();
  if (client.leaves && last &&
      static_cast<double>(client.body_length - client.body_left) >=
          options_.leave_at * static_cast<double>(client.body_length)) {
    finish(client, Client::End::left);
  } else if (client.body_left == 0) {
    reply_complete(client);
  }
}

void Swarm::reply_complete(Client& client) {
  ++client.replies;
  client.in_body = false;
  if (client.hash) {
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(client.hash.get(), digest.data(), nullptr);
    EVP_DigestInit_ex(client.hash.get(), EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned char byte : digest) {
      constexpr char digits[] = "0123456789abcdef";
      hex.push_back(digits[byte >> 4]);
      hex.push_back(digits[byte & 15]);
    }
    client.sha256.push_back(hex);
  }
  if (options_.seconds > 0) {
    latencies_s_.push_back(static_cast<float>(now_s() - client.asked_s));
    if (now_s() >= options_.seconds) return finish(client, Client::End::complete);
    client.path = (client.path + 1) % requests_.size();
    return ask(client);
  }
  if (++client.path == requests_.size()) return finish(client, Client::End::complete);
  ask(client);
}

void Swarm::finish(Client& client, Client::End end) {
  if (client.end != Client::End::running) return;
  client.end = end;
  client.end_s = now_s();
  close(client.socket);
  --running_;
}

void Swarm::wake_slow_clients() {
  for (Client& client : clients_) {
    if (!client.slow || client.end != Client::End::running || now_s() < client.may_read_at_s) continue;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
  }
}

Json Swarm::run() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    client.number = i;
    client.slow = i < options_.slow;
    client.leaves = i >= options_.slow && i < options_.slow + options_.leave;
    if (options_.hash_every > 0 && i % options_.hash_every == 0) {
      client.hash.reset(EVP_MD_CTX_new());
      EVP_DigestInit_ex(client.hash.get(), EVP_sha256(), nullptr);
    }
  }
  begin_ = SteadyClock::now();
  for (Client& client : clients_) start(client);
  std::array<epoll_event, 256> events{};
  while (running_ > 0 && now_s() < options_.timeout_s) {
    int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), options_.slow > 0 ? 5 : 1000);
    for (int i = 0; i < count; ++i) {
      Client& client = *static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr);
      if (client.end != Client::End::running) continue;
      if (events[static_cast<size_t>(i)].events & EPOLLOUT) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &client;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
        ask(client);
      } else {
        readable(client);
      }
    }
    if (options_.slow > 0) wake_slow_clients();
  }
  return report();
}

Json Swarm::rates() const {
  std::vector<float> sorted = latencies_s_;
  std::sort(sorted.begin(), sorted.end());
  auto at = [&](double fraction) {
    return sorted.empty()
               ? 0.0
               : static_cast<double>(
                     sorted[static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1))]);
  };
  uint64_t bad = 0;
  uint64_t cut = 0;
  for (const Client& client : clients_) {
    bad += client.bad_replies;
    cut += client.end != Client::End::complete;
  }
  return {{"requests", sorted.size()}, {"requests_per_s", static_cast<double>(sorted.size()) / now_s()},
          {"p50_s", at(0.5)},          {"p99_s", at(0.99)},
          {"p999_s", at(0.999)},       {"max_s", at(1)},
          {"bad_replies", bad},        {"broken_clients", cut}};
}

Json Swarm::report() const {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  Json report = {{"seconds", now_s()},
                 {"cpu_s", static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                               static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6}};
  if (options_.seconds > 0) {
    report.update(rates());
    return report;
  }
  Json clients = Json::array();
  for (const Client& client : clients_) {
    clients.push_back({{"end", name_of(client.end)},
                       {"statuses", client.statuses},
                       {"bytes", client.bytes},
                       {"first_byte_s", client.first_byte_s},
                       {"end_s", client.end_s},
                       {"sha256", client.sha256}});
  }
  report["clients"] = clients;
  return report;
}

sockaddr_in parse_address(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  size_t colon = text.rfind(':');
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

bool set_option(Options& options, const std::string& name, const std::string& value) {
  auto count = [&] { return static_cast<size_t>(std::strtoull(value.c_str(), nullptr, 10)); };
  auto number = [&] { return std::strtod(value.c_str(), nullptr); };
  if (name == "--to") {
    options.to = parse_address(value);
    options.host = value;
  } else if (name == "--path")
    options.paths.push_back(value);
  else if (name == "--header")
    options.headers += value + "\r\n";
  else if (name == "--clients")
    options.clients = count();
  else if (name == "--hash-every")
    options.hash_every = count();
  else if (name == "--slow")
    options.slow = count();
  else if (name == "--slow-rate")
    options.slow_rate = number();
  else if (name == "--leave")
    options.leave = count();
  else if (name == "--leave-at")
    options.leave_at = number();
  else if (name == "--seconds")
    options.seconds = number();
  else if (name == "--timeout")
    options.timeout_s = number();
  else
    return false;
  return true;
}

}  // namespace
}  // namespace breakwater::test

int main(int count, char** arguments) {
  using namespace breakwater::test;
  Options options;
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count || !set_option(options, arguments[i], arguments[i + 1])) {
      std::fprintf(stderr, "swarm: unknown option %s\n", arguments[i]);
      return 2;
    }
  }
  if (options.paths.empty() || options.to.sin_port == 0) {
    std::fprintf(stderr, "usage: swarm --to HOST:PORT --path PATH [options]; see the top of swarm.cc\n");
    return 2;
  }
  Swarm swarm(std::move(options));
  std::printf("%s\n", swarm.run().dump().c_str());
  return 0;
}
