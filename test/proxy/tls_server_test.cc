// What goes over connections of TLS, and how they end.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/tls1.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/server/listen_socket.h"
#include "test/proxy/tls_world.h"

namespace breakwater::proxy {
namespace {

constexpr size_t kSmallWindow = 4096;

struct Asked {
  TlsWorld tls;
  std::unique_ptr<TlsClient> by;

  explicit Asked(int version = 0) {
    auto settings = tls.trusting();
    settings.version = version;
    by = std::make_unique<TlsClient>(settings);
  }
  RawClient client(size_t receive_window = 0) { return tls.client(*by, receive_window); }
  World& world() { return tls.world; }
};

TEST_CASE("a TLS connection serves one request after the other") {
  Asked asked(GENERATE(TLS1_2_VERSION, TLS1_3_VERSION));
  asked.tls.serve_hello();
  auto client = asked.client();
  for (int i = 0; i < 3; ++i) {
    client.send(get("/a"));
    CHECK(client.receive_reply() == hello_to("/a"));
  }
  CHECK(asked.world().server->stats().connections_total == 1);
  client.leave();
  asked.world().run_until_idle();
}

TEST_CASE("a request over TLS may come in pieces of any size") {
  Asked asked;
  asked.tls.serve_hello();
  auto client = asked.client();
  client.send_byte_by_byte(get("/bytes"));
  CHECK(client.receive_reply() == hello_to("/bytes"));
}

// A record holds 16 KiB, and the socket reads 1 KiB at a time: what is left in the record no poll shows.
TEST_CASE("what TLS has deciphered already is handled though the descriptor shows nothing") {
  Asked asked;
  asked.world().settings.header_bytes_max = 1024;
  asked.world().settings.target_bytes_max = 512;
  asked.tls.serve_hello();
  auto client = asked.client();
  std::string requests, replies, received;
  for (int i = 0; i < 400; ++i) {
    requests += get("/" + std::to_string(i));
    replies += hello_to("/" + std::to_string(i));
  }
  REQUIRE(requests.size() < ByteStream::kRecordBytes);
  client.send(requests);
  for (int i = 0; i < 400; ++i) received += client.receive_reply();
  CHECK(received == replies);
}

TEST_CASE("a body in the same record as its head, and the next request behind it, are all read") {
  Asked asked;
  asked.world().settings.header_bytes_max = 1024;
  asked.world().settings.target_bytes_max = 512;
  asked.tls.serve([&](Exchange& x) { return echo(asked.world(), x); });
  auto client = asked.client();
  const auto body = bytes_of(8000);
  client.send(sized(body) + sized("next"));
  CHECK((client.receive_reply() == ok(body)));
  CHECK(client.receive_reply() == ok("next"));
}

TEST_CASE("bodies go both ways over TLS, and come in large pieces") {
  Asked asked(GENERATE(TLS1_2_VERSION, TLS1_3_VERSION));
  asked.tls.serve([&](Exchange& x) { return echo(asked.world(), x); });
  auto client = asked.client();
  const auto body = bytes_of(3'000'000);
  client.send(sized(body));
  client.deliver();
  CHECK((client.receive_reply() == ok(body)));
  CHECK(asked.world().pieces.size() < 3'000'000 / ByteStream::kRecordBytes);
  const std::string chunk = "2dc6c0\r\n" + body + "\r\n0\r\n\r\n";
  client.send(post("Transfer-Encoding: chunked\r\n", chunk));
  CHECK((client.receive_reply() == ok(body)));
  client.leave();
  asked.world().run_until_idle();
}

Task<> reply_with(Exchange& x, std::shared_ptr<const std::string> body) {
  x.reply(200, Headers(), std::move(body));
  co_return;
}

Task<> write_many(Exchange& x) {
  x.start(200, Headers(), std::nullopt);
  for (int i = 0; i < 3000; ++i) co_await x.write(std::string(500, static_cast<char>('a' + i % 26)));
  x.finish();
}

Task<> answer_when_going(World& world, Exchange& x) {
  Alive alive(world);
  if (x.request().target == "/slow") co_await wait_to_go_on(world);
  x.reply(200, Headers(), "ok");
}

TEST_CASE("a long reply from memory goes whole to a slow client over TLS") {
  Asked asked;
  const auto body = std::make_shared<const std::string>(bytes_of(2'000'000));
  asked.tls.serve([&](Exchange& x) { return reply_with(x, body); });
  auto client = asked.client(kSmallWindow);
  client.send(get("/") + get("/"));
  CHECK((client.receive_reply() == ok(*body)));
  CHECK((client.receive_reply() == ok(*body)));
}

TEST_CASE("many small replies wait together for a slow client over TLS") {
  Asked asked;
  asked.tls.serve(write_many);
  auto client = asked.client(kSmallWindow);
  client.send(get("/"));
  const auto reply = client.receive_reply();
  CHECK(reply.ends_with("\r\n0\r\n\r\n"));
  size_t letters = 0;
  for (int i = 0; i < 26; ++i)
    letters += static_cast<size_t>(std::count(reply.begin() + 200, reply.end(), static_cast<char>('a' + i)));
  CHECK(letters >= 3000 * 500);
}

// --- files

// A file of its own, gone with the test.
class TestFile {
 public:
  explicit TestFile(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / ("breakwater-tls-" + std::to_string(getpid()))) {
    const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    file_ = std::make_shared<const store::File>(fd, path_);
  }
  ~TestFile() { std::filesystem::remove(path_); }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  const store::SharedFile& file() const { return file_; }
  void truncate(uint64_t size) { std::filesystem::resize_file(path_, size); }

 private:
  std::filesystem::path path_;
  store::SharedFile file_;
};

struct FileRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  bool chunked = false;
};

Task<> send_range(World& world, Exchange& x, store::SharedFile file, FileRange range) {
  Alive alive(world);
  x.start(200, Headers(), range.chunked ? std::nullopt : std::optional<uint64_t>(range.length));
  co_await x.send_file(file, range.offset, range.length);
  x.finish();
}

TEST_CASE("a file is sent over TLS whole or in part, to fast clients and slow ones") {
  const auto bytes = bytes_of(3'000'000);
  TestFile file(bytes);
  const auto range = GENERATE(FileRange{0, 3'000'000}, FileRange{1, 2'999'999}, FileRange{2'999'999, 1},
                              FileRange{7, 16'384}, FileRange{7, 16'385}, FileRange{5, 100, true},
                              FileRange{0, 1'000'000, true});
  const auto window = GENERATE(size_t{0}, kSmallWindow);
  Asked asked;
  asked.tls.serve([&](Exchange& x) { return send_range(asked.world(), x, file.file(), range); });
  auto client = asked.client(window);
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    auto body = bytes.substr(range.offset, range.length);
    client.receive_head();
    if (range.chunked) {
      char size[20];
      snprintf(size, sizeof size, "%zx\r\n", body.size());
      body = size + body + "\r\n0\r\n\r\n";
    }
    CHECK((client.receive(body.size()) == body));
  }
  client.leave();
  asked.world().run_until_idle();
}

// Then nothing of what is sent is held here.
bool kernel_does_tls() {
  const Descriptor listener = *bind_listener("127.0.0.1:0");
  if (listen(listener.fd(), 1) != 0) return false;
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length);
  const Descriptor connected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(connected.fd(), reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
         setsockopt(connected.fd(), IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0;
}

TEST_CASE("the record that a slow client has not taken counts among its buffers") {
  if (kernel_does_tls()) return;
  TestFile file(bytes_of(8 << 20));
  Asked asked;
  asked.tls.serve([&](Exchange& x) {
    return send_range(asked.world(), x, file.file(), FileRange{0, 8 << 20, false});
  });
  auto client = asked.client(kSmallWindow);
  client.send(get("/"));
  asked.world().run_until([&] { return asked.world().buffers.units() > 0; });
  CHECK(asked.world().buffers.units() <= ByteStream::kRecordBytes);
  client.leave();
  asked.world().run_until_idle();
}

TEST_CASE("a file that is too short cuts a reply over TLS") {
  TestFile file(bytes_of(1'000'000));
  file.truncate(999'999);
  Asked asked;
  asked.tls.serve([&](Exchange& x) {
    return send_range(asked.world(), x, file.file(), FileRange{0, 1'000'000, false});
  });
  auto client = asked.client();
  client.send(get("/"));
  client.receive_head();
  CHECK(client.receive_to_end().size() == 999'999);
  CHECK(asked.world().log.count("reply_cut") == 1);
  asked.world().run_until_idle();
}

TEST_CASE("a client of TLS that takes nothing of a file is cut") {
  TestFile file(bytes_of(8 << 20));
  Asked asked;
  asked.world().settings.write_timeout_ms = 30;
  asked.tls.serve([&](Exchange& x) {
    return send_range(asked.world(), x, file.file(), FileRange{0, 8 << 20, false});
  });
  auto client = asked.client(kSmallWindow);
  client.send(get("/"));
  asked.world().run_until([&] { return asked.world().alive == 1; });
  asked.world().run_until_idle();
  CHECK(asked.world().log.contains("reason=the client took nothing for too long"));
}

TEST_CASE("a client of TLS may leave after any number of bytes, either way") {
  TestFile file(bytes_of(1'000'000));
  Asked asked;
  asked.tls.serve([&](Exchange& x) {
    if (x.request().method == "POST") return echo(asked.world(), x);
    return send_range(asked.world(), x, file.file(), FileRange{0, 1'000'000, false});
  });
  for (size_t bytes = 0; bytes < 1'000'000; bytes += 199'991) {
    auto down = asked.client(kSmallWindow);
    down.send(get("/"));
    down.receive(bytes);
    down.leave();
    asked.world().run_until_idle();
    auto up = asked.client();
    up.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes_of(bytes));
    asked.world().run_until([&] { return asked.world().alive == 1; });
    up.reset();
    asked.world().run_until_idle();
  }
}

// --- ends

TEST_CASE("a client of TLS that half-closes is still answered, and told of the end") {
  Asked asked(GENERATE(TLS1_2_VERSION, TLS1_3_VERSION));
  asked.tls.serve_hello();
  auto client = asked.client();
  client.send(get("/a") + get("/b"));
  asked.world().run_until([&] { return client.received() > 0; });
  client.send(get("/c"));
  client.end_sending();
  for (const char* target : {"/a", "/b", "/c"}) CHECK(client.receive_reply() == hello_to(target));
  CHECK(client.ends());
  CHECK_FALSE(client.was_reset());
  client.leave();
  asked.world().run_until_idle();
}

TEST_CASE("whatever ends a connection of TLS in good order says so in TLS") {
  Asked asked;
  asked.world().settings.idle_timeout_ms = 500;
  asked.tls.serve_hello();
  auto asking = asked.client();
  asking.send("GET /a HTTP/1.1\r\nConnection: close\r\n" + kHost);
  CHECK(asking.receive_reply() == hello_to("/a", "Connection: close\r\n"));
  auto malformed = asked.client();
  malformed.send("GET / HTTP/1.1\r\n\r\n");
  CHECK(malformed.receive_reply().starts_with("HTTP/1.1 400 "));
  auto idle = asked.client();
  idle.send(get("/a"));
  CHECK(idle.receive_reply() == hello_to("/a"));
  for (auto* client : {&asking, &malformed, &idle}) {
    CHECK(client->ends());
    CHECK_FALSE(client->was_reset());
  }
}

TEST_CASE("an idle connection of TLS that gives way says so in TLS") {
  Asked asked;
  asked.world().settings.connections_max = 1;
  asked.tls.serve_hello();
  auto idle = asked.client();
  idle.send(get("/a"));
  idle.receive_reply();
  test::run_some_turns(asked.world().loop);
  TlsClient other(asked.tls.trusting());
  CHECK(ask_once(asked.tls, other) == hello_to("/a"));
  CHECK(idle.ends());
  CHECK_FALSE(idle.was_reset());
}

TEST_CASE("what is no record of TLS ends the connection, and nobody takes it for a request") {
  Asked asked;
  asked.tls.serve_hello();
  auto client = asked.client();
  client.send(get("/a"));
  CHECK(client.receive_reply() == hello_to("/a"));
  asked.by->send_raw(get("/raw"));
  client.ends();
  CHECK(asked.world().seen.size() == 1);
  client.leave();
  asked.world().run_until_idle();
}

TEST_CASE("a client may change its keys, and have the server change its own") {
  Asked asked(TLS1_3_VERSION);
  asked.tls.serve_hello();
  auto client = asked.client();
  for (const char* target : {"/a", "/b", "/c"}) {
    client.send(get(target));
    CHECK(client.receive_reply() == hello_to(target));
    asked.by->ask_for_new_keys();
  }
}

TEST_CASE("a server that drains ends idle connections of TLS, and handshakes, at once") {
  Asked asked;
  asked.tls.serve_hello();
  auto idle = asked.client();
  idle.send(get("/a"));
  idle.receive_reply();
  auto shaking = asked.tls.plain_client();
  shaking.send(TlsClient::hello().substr(0, 10));
  shaking.deliver();
  asked.world().server->drain();
  CHECK(idle.ends());
  CHECK_FALSE(idle.was_reset());
  CHECK(shaking.ends());
  idle.leave();
  asked.world().run_until_idle();
}

Task<> released(HttpServer& server, HttpServer::ReleaseTimes times, size_t& handed, bool& has_ended) {
  const auto connections = co_await server.release(times);
  handed = connections.size();
  has_ended = true;
}

TEST_CASE("no connection of TLS is handed over: each ends with the reply that it is at") {
  Asked asked;
  asked.tls.serve([&](Exchange& x) { return answer_when_going(asked.world(), x); });
  auto idle = asked.client(), slow = asked.client();
  idle.send(get("/"));
  CHECK(idle.receive_reply() == ok("ok"));
  slow.send(get("/slow") + get("/never"));
  asked.world().run_until([&] { return asked.world().alive == 1; });
  HttpServer::ReleaseTimes times;
  times.at_work = times.others = Millis(20'000);
  size_t handed = 1;
  bool has_ended = false;
  auto release = released(*asked.world().server, times, handed, has_ended);
  release.start();
  CHECK(idle.ends());
  CHECK_FALSE(idle.was_reset());
  idle.leave();
  asked.world().going = true;
  asked.world().go_on.ring();
  CHECK(slow.receive_reply() == ok("ok", "Connection: close\r\n"));
  CHECK(slow.ends());
  CHECK_FALSE(slow.was_reset());
  slow.leave();
  asked.world().run_until([&] { return has_ended; });
  CHECK(handed == 0);
  CHECK_FALSE(asked.world().log.contains("connections_cut"));
}

TEST_CASE("a server of TLS that is destroyed while connections are at anything leaves nothing behind") {
  Asked asked;
  asked.tls.serve([&](Exchange& x) { return echo(asked.world(), x); });
  auto busy = asked.client(), idle = asked.client();
  busy.send(post("Content-Length: 10\r\n", "hello"));
  auto shaking = asked.tls.plain_client();
  shaking.send(TlsClient::hello());
  asked.world().run_until([&] { return asked.world().alive == 1 && shaking.received() > 0; });
  asked.world().server.reset();
  CHECK(asked.world().alive == 0);
}

}  // namespace
}  // namespace breakwater::proxy
