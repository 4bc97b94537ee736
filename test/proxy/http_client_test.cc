#include "proxy/upstream/http_client.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/blackhole.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/run.h"
#include "test/fakes/tls_identity.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" size_t __sanitizer_get_current_allocated_bytes();  // of its runtime; g++ 12 has no header of it
#endif

namespace breakwater::proxy {
namespace {

using test::Blackhole;
using test::Canned;
using test::FakeRegistry;
using test::Fault;
using test::run;

std::string bytes_of(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

bool is_global(const IpAddress& address) { return kind_of(address) == AddressKind::global; }

// Takes up to `room` bytes and then asks for a pause.
class SlowSink final : public Sink {
 public:
  explicit SlowSink(Loop& loop) : changed(loop) {}
  Result<> head(const Head& head) override {
    status = head.status;
    ++heads;
    changed.ring();
    return {};
  }
  Result<bool> body(std::span<const char> data) override {
    if (refuse) return failure(Error::Kind::full, "no room");
    if (bytes.size() + data.size() > room) {
      ++pauses;
      changed.ring();
      return false;
    }
    bytes.append(data.data(), data.size());
    changed.ring();
    return true;
  }
  size_t room = SIZE_MAX;
  bool refuse = false;
  int status = 0;
  int heads = 0;
  int pauses = 0;
  std::string bytes;
  Signal changed;
};

struct World {
  World() : world_settings(), http_client(loop, world_settings), server(loop) {}
  explicit World(const HttpClientSettings& settings)
      : world_settings(settings), http_client(loop, world_settings), server(loop) {}

  Result<Reply> get(const std::string& path, size_t bytes_max = 1 << 20) {
    HttpClientRequest request("GET", server.url() + path);
    return run(loop, http_client.fetch(std::move(request), bytes_max));
  }
  Result<Reply> get_url(const std::string& url) {
    HttpClientRequest request("GET", url);
    return run(loop, http_client.fetch(std::move(request), 1 << 20));
  }

  Loop loop;
  HttpClientSettings world_settings;
  HttpClient http_client;
  FakeRegistry server;
};

Canned text_of(std::string body) {
  Canned canned;
  canned.headers.add("Content-Type", "text/plain");
  canned.headers.add("X-Two", "a");
  canned.headers.add("X-Two", "b");
  canned.body = std::move(body);
  return canned;
}

TEST_CASE("a reply comes with its status, headers, length and body") {
  World world;
  world.server.answer("/hello", text_of("hello"));
  auto reply = world.get("/hello?q=1");
  REQUIRE(reply);
  CHECK(reply->head.status == 200);
  CHECK(reply->head.headers.get("content-type") == "text/plain");
  CHECK(reply->head.headers.all("X-Two") == "a, b");
  CHECK(reply->head.length == 5);
  CHECK(reply->head.address == "127.0.0.1");
  CHECK(reply->body == "hello");
  CHECK(world.http_client.bytes_received() == 5);
  const auto& seen = world.server.seen().at(0);
  CHECK(seen.target == "/hello?q=1");
  CHECK(seen.headers.get("Accept-Encoding") == "identity");
  CHECK(seen.headers.get("User-Agent") == "breakwater");
  CHECK(seen.headers.find("Cookie") == nullptr);
}

TEST_CASE("HEAD tells the length that GET would have") {
  World world;
  world.server.answer("/hello", text_of("hello"));
  HttpClientRequest request("HEAD", world.server.url() + "/hello");
  auto reply = run(world.loop, world.http_client.fetch(std::move(request), 0));
  REQUIRE(reply);
  CHECK(reply->head.length == 5);
  CHECK(reply->body.empty());
}

TEST_CASE("connections are reused") {
  World world;
  world.server.answer("/hello", text_of("hello"));
  for (int i = 0; i < 5; ++i) CHECK(world.get("/hello"));
  CHECK(world.server.connections() == 1);
}

TEST_CASE("a chunked body has no length and arrives whole") {
  World world;
  Canned chunked;
  chunked.headers.add("Transfer-Encoding", "chunked");
  chunked.body = "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
  world.server.answer("/c", chunked);
  auto reply = world.get("/c");
  REQUIRE(reply);
  CHECK_FALSE(reply->head.length);
  CHECK(reply->body == "hello, world");
}

TEST_CASE("compressed bytes are passed on as they are, cookies are forgotten and redirects not followed") {
  World world;
  Canned canned;
  canned.status = 307;
  canned.headers.add("Location", "/other");
  canned.headers.add("Set-Cookie", "__cf=1");
  canned.headers.add("Content-Encoding", "gzip");
  canned.body = "\x1f\x8b not really";
  world.server.answer("/x", canned);
  CHECK(world.get("/x")->body == canned.body);
  CHECK(world.get("/x")->head.status == 307);
  CHECK(world.server.count() == 2);
  CHECK(world.server.seen()[1].headers.find("Cookie") == nullptr);
}

TEST_CASE("a body longer than its limit is corrupt") {
  World world;
  world.server.answer("/hello", text_of("hello"));
  CHECK(world.get("/hello", 5));
  CHECK(world.get("/hello", 4).error().kind == Error::Kind::corrupt);
}

TEST_CASE("a head longer than its limit is corrupt") {
  HttpClientSettings settings;
  settings.header_bytes_max = 2000;
  World world(settings);
  Canned canned;
  for (int i = 0; i < 100; ++i) canned.headers.add("X-Fill", std::string(100, 'x'));
  world.server.answer("/x", canned);
  CHECK(world.get("/x").error().kind == Error::Kind::corrupt);
  canned.headers.clear();
  canned.headers.add("X-Fill", std::string(200'000, 'x'));
  world.server.answer("/y", canned);
  CHECK(world.get("/y").error().kind == Error::Kind::corrupt);
}

TEST_CASE("a transfer that breaks off is unavailable, and so is a server that hangs up") {
  World world;
  auto digest = world.server.blob("a", bytes_of(100'000));
  auto path = FakeRegistry::blob_path("a", digest);
  world.server.next(path, Fault::cut(1000));
  world.server.next(path, Fault::hang_up());
  auto cut = world.get(path + "?X-Amz-Signature=secret");
  CHECK(cut.error().kind == Error::Kind::unavailable);
  CHECK(cut.error().message.find(world.server.url() + path) != std::string::npos);
  CHECK(cut.error().message.find("secret") == std::string::npos);
  CHECK(world.get(path).error().kind == Error::Kind::unavailable);
  CHECK(world.get(path)->body == bytes_of(100'000));
}

TEST_CASE("a connection that ends inside the head is unavailable, and a switch of protocols is corrupt") {
  struct Case {
    std::string text;
    Error::Kind kind;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\n", Error::Kind::unavailable},
      {"HTTP/1.1 200 OK\r\nContent-Le", Error::Kind::unavailable},
      {"HTTP/1.1 404 X\r\nContent-Le", Error::Kind::unavailable},
      {"HTTP/1.0 307 OK\r\nLocation: /v2/x\r\n", Error::Kind::unavailable},
      {"HTTP/1.1 103 E\r\n\r\n", Error::Kind::unavailable},
      {"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n", Error::Kind::unavailable},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
       Error::Kind::corrupt},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", Error::Kind::corrupt},
      {"HTTP/1.1 099 X\r\n\r\nhello", Error::Kind::corrupt},
  };
  for (const std::string method : {"GET", "HEAD"}) {
    for (const Case& c : cases) {
      INFO(method << " " << c.text);
      World world;
      world.server.always("/x", Fault::raw(c.text));
      HttpClientRequest request(method, world.server.url() + "/x");
      SlowSink sink(world.loop);
      auto head = run(world.loop, world.http_client.send(std::move(request), sink));
      REQUIRE_FALSE(head);
      CHECK(head.error().kind == c.kind);
      CHECK(sink.heads == 0);
      CHECK(sink.bytes.empty());
    }
  }
}

TEST_CASE("what is no HTTP is corrupt") {
  World world;
  Canned canned;
  canned.headers.add("Content-Length", "nonsense");
  canned.body = "x";
  world.server.answer("/x", canned);
  CHECK_FALSE(world.get("/x"));
}

TEST_CASE("DNS, connect and TLS failures are unavailable and say what happened to whom") {
  HttpClientSettings settings;
  settings.connect_timeout_ms = 300;  // some machines have no DNS server at all
  World world(settings);
  auto unknown = world.get_url("https://registry.invalid/v2/?secret=1");
  CHECK(unknown.error().kind == Error::Kind::unavailable);
  CHECK(unknown.error().message.find("registry.invalid") != std::string::npos);
  CHECK(unknown.error().message.find("secret") == std::string::npos);

  auto plain = world.get_url("https://" + world.server.authority() + "/v2/");
  CHECK(plain.error().kind == Error::Kind::unavailable);

  world.server.shut();
  auto refused = world.get("/v2/");
  CHECK(refused.error().kind == Error::Kind::unavailable);
}

TEST_CASE("TLS is spoken with whom the CA file vouches for, and with nobody else") {
  test::TlsIdentity identity;
  Loop loop;
  FakeRegistry server(loop, identity);
  server.answer("/hello", text_of("hello"));
  HttpClientSettings settings;
  settings.ca_file = identity.ca_file();
  HttpClient trusting(loop, settings);
  HttpClient strict(loop, HttpClientSettings());
  HttpClientRequest request("GET", server.url() + "/hello");
  CHECK(run(loop, trusting.fetch(request, 100))->body == "hello");
  CHECK(run(loop, strict.fetch(request, 100)).error().kind == Error::Kind::unavailable);
  CHECK(server.count() == 1);
}

TEST_CASE("other schemes than http and https are not spoken") {
  World world;
  CHECK_FALSE(world.get_url("file:///etc/passwd"));
  CHECK_FALSE(world.get_url("ftp://127.0.0.1/x"));
}

TEST_CASE("a host that swallows SYNs is given up after the connect timeout") {
  HttpClientSettings settings;
  settings.connect_timeout_ms = 100;
  World world(settings);
  Blackhole blackhole;
  auto lost = world.get_url(blackhole.url() + "/v2/");
  REQUIRE_FALSE(lost);
  CHECK(lost.error().kind == Error::Kind::unavailable);
}

TEST_CASE("a transfer that stalls is given up after the stall timeout") {
  HttpClientSettings settings;
  settings.stall_timeout_ms = 50;
  World world(settings);
  auto digest = world.server.blob("a", bytes_of(100'000));
  auto path = FakeRegistry::blob_path("a", digest);
  world.server.next(path, Fault::stall(1000));
  world.server.next(path, Fault::silent());
  CHECK(world.get(path).error().kind == Error::Kind::unavailable);
  CHECK(world.get(path).error().message.find("no byte for") != std::string::npos);
}

TEST_CASE("a request is given up after its own time") {
  World world;
  auto digest = world.server.blob("a", bytes_of(10));
  auto path = FakeRegistry::blob_path("a", digest);
  world.server.always(path, Fault::silent());
  HttpClientRequest request("GET", world.server.url() + path);
  request.timeout_ms = 50;
  auto reply = run(world.loop, world.http_client.fetch(std::move(request), 100));
  CHECK(reply.error().kind == Error::Kind::unavailable);
  CHECK(reply.error().message.find("no end after") != std::string::npos);
}

Task<> resume_after_stall_time(Loop& loop, SlowSink& sink, Millis pause) {
  while (sink.pauses == 0) co_await sink.changed.wait();
  co_await loop.sleep(pause);
  sink.room = SIZE_MAX;
  sink.resume();
}

TEST_CASE("a sink without room pauses the transfer, which does not count as a stall, and loses no byte") {
  HttpClientSettings settings;
  settings.stall_timeout_ms = 500;
  World world(settings);
  auto bytes = bytes_of(3 << 20);
  auto path = FakeRegistry::blob_path("a", world.server.blob("a", bytes));
  SlowSink sink(world.loop);
  sink.room = 100'000;
  auto resume = resume_after_stall_time(world.loop, sink, Millis(700));
  resume.start();
  HttpClientRequest request("GET", world.server.url() + path);
  auto head = run(world.loop, world.http_client.send(std::move(request), sink));
  REQUIRE(head);
  CHECK(sink.pauses == 1);
  CHECK(sink.bytes == bytes);
}

#if defined(__SANITIZE_ADDRESS__)
Task<> until_paused(SlowSink& sink) {
  while (sink.pauses == 0) co_await sink.changed.wait();
}

// What is allocated for one transfer that its sink has paused, on average.
size_t held_by_one_that_waits(World& world, uint32_t receive_bytes) {
  constexpr size_t kTransfers = 30;
  const size_t before = __sanitizer_get_current_allocated_bytes();
  std::vector<std::unique_ptr<SlowSink>> sinks;
  std::vector<std::unique_ptr<Task<Result<Head>>>> transfers;
  for (size_t i = 0; i < kTransfers; ++i) {
    HttpClientRequest request("GET", world.server.url() + "/waits");
    if (receive_bytes != kReceiveBytes) request.receive_bytes = receive_bytes;
    auto& sink = sinks.emplace_back(std::make_unique<SlowSink>(world.loop));
    sink->room = 0;
    auto sent = world.http_client.send(std::move(request), *sink);
    transfers.push_back(std::make_unique<Task<Result<Head>>>(std::move(sent)));
    transfers.back()->start();
  }
  for (const auto& sink : sinks) run(world.loop, until_paused(*sink));
  return (__sanitizer_get_current_allocated_bytes() - before) / kTransfers;
}

TEST_CASE("a transfer that waits for room holds little, unless it is told to receive much at once") {
  World world;
  world.server.answer("/waits", text_of(std::string(64 * 1024, 'x')));
  CHECK(held_by_one_that_waits(world, kLongReceiveBytes) > kLongReceiveBytes);
  CHECK(held_by_one_that_waits(world, kReceiveBytes) < 200 * 1024);
}
#endif

TEST_CASE("an error of the sink ends the transfer and is its result") {
  World world;
  auto path = FakeRegistry::blob_path("a", world.server.blob("a", bytes_of(100'000)));
  SlowSink sink(world.loop);
  sink.refuse = true;
  HttpClientRequest request("GET", world.server.url() + path);
  auto head = run(world.loop, world.http_client.send(std::move(request), sink));
  CHECK(head.error().kind == Error::Kind::full);
}

Task<> until_bytes(SlowSink& sink) {
  while (sink.bytes.empty()) co_await sink.changed.wait();
}

TEST_CASE("destroying the Task aborts the transfer, paused or not, and others go on") {
  World world;
  auto path = FakeRegistry::blob_path("a", world.server.blob("a", bytes_of(8 << 20)));
  for (size_t room : {size_t{20'000}, SIZE_MAX}) {
    SlowSink sink(world.loop);
    sink.room = room;
    HttpClientRequest request("GET", world.server.url() + path);
    auto transfer = std::make_unique<Task<Result<Head>>>(world.http_client.send(std::move(request), sink));
    transfer->start();
    run(world.loop, until_bytes(sink));
    sink.resume();
    transfer.reset();
    sink.resume();  // nobody listens
    world.server.answer("/hello", text_of("hello"));
    CHECK(world.get("/hello"));
  }
}

TEST_CASE("an HttpClient may go while a name is still being looked up") {
  Loop loop;
  HttpClientSettings settings;
  HttpClient http_client(loop, settings);
  HttpClientRequest request("GET", "http://registry.invalid/");
  auto fetch = http_client.fetch(std::move(request), 10);
  fetch.start();
}

TEST_CASE("a proxy of the environment is told the whole address, and may be in a private network") {
  Loop loop;
  FakeRegistry proxy(loop);
  proxy.answer("http://registry.example/v2/", text_of("through"));
  setenv("HTTP_PROXY", proxy.url().c_str(), 1);
  HttpClient http_client(loop, HttpClientSettings());
  unsetenv("HTTP_PROXY");
  HttpClientRequest request("GET", "http://registry.example/v2/");
  request.may_connect = is_global;
  auto reply = run(loop, http_client.fetch(std::move(request), 100));
  REQUIRE(reply);
  CHECK(reply->body == "through");
  CHECK(reply->head.address.empty());
}

TEST_CASE(
    "private addresses are refused where they are forbidden, on new connections and old ones, by any name") {
  World world;
  world.server.answer("/hello", text_of("hello"));
  CHECK(world.get("/hello"));  // there is a connection now that could be used again
  std::string by_name =
      "http://localhost:" + world.server.authority().substr(world.server.authority().find(':') + 1) +
      "/hello";
  for (const std::string& url : {world.server.url() + "/hello", by_name}) {
    HttpClientRequest request("GET", url);
    request.may_connect = is_global;
    auto reply = run(world.loop, world.http_client.fetch(std::move(request), 100));
    CHECK(reply.error().kind == Error::Kind::corrupt);
    CHECK(reply.error().message.find("leads into a private network, to ") != std::string::npos);
  }
  CHECK(world.server.count() == 1);
}

}  // namespace
}  // namespace breakwater::proxy
