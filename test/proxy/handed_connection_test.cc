// Connections that one HttpServer gives away and another goes on with, on one Loop: the client is one that
// knows nothing of it.
#include "proxy/server/handed_connection.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/loop/workers.h"
#include "proxy/server/http_server.h"
#include "test/catch.h"
#include "test/fakes/cold_disk.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/raw_client.h"

namespace breakwater::proxy {
namespace {

using test::RawClient;

constexpr uint64_t kBuffersMax = 64 << 20;
constexpr size_t kBlobBytes = 8 << 20;  // more than sockets hold
constexpr size_t kSmallWindow = 4096;
constexpr size_t kSomeBytes = 100'000;

std::string blob() {
  std::string bytes(kBlobBytes, '\0');
  uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

// A server, the other one that goes on, and what routes have seen and kept.
struct World {
  World() : workers(loop, 1), buffers(loop, kBuffersMax), go_on(loop), tasks(loop) { start(); }

  void start() {
    server.emplace(loop, workers, buffers, disk, log, ServerSettings(),
                   [this](Exchange& exchange) { return serve(exchange); });
    if (address.empty()) address = *server->listen("127.0.0.1:0");
  }
  // The other server goes on with what this one gives away.
  void hand_over() {
    listening = *server->listening();
    HttpServer::ReleaseTimes times;
    times.at_work = at_work_max;
    times.others = others_max;
    bool has_ended = false;
    tasks.spawn(release(times, has_ended));
    test::run_until(loop, [&has_ended] { return has_ended; });
    CHECK(server->stats().requests_running == cut);
    server.reset();
    start();
    for (auto& socket : listening) REQUIRE(*server->listen_on(std::move(socket)) == address);
    for (auto& one : handed) server->resume(std::move(one));
    handed.clear();
  }
  // Until `has_ended`, the server begins nothing that changes something.
  void settle(bool& has_ended) { tasks.spawn(settled(has_ended)); }
  Task<> settled(bool& has_ended) {
    co_await server->settle(at_work_max);
    has_ended = true;
  }
  Task<> release(HttpServer::ReleaseTimes times, bool& has_ended) {
    handed = co_await server->release(times);
    has_ended = true;
  }

  Task<> serve(Exchange& exchange);
  Task<> send_blob(Exchange& exchange);
  Task<> keep(Exchange& exchange);
  Task<> take_whole(Exchange& exchange);

  Loop loop;
  test::FakeLog log;
  test::ColdDisk disk;
  Workers workers;
  Buffers buffers;
  Signal go_on;
  bool going = false;
  Millis at_work_max{10'000};
  Millis others_max{0};
  uint64_t cut = 0;  // requests that are to be cut
  bool has_blob = true;
  const std::string content = blob();
  std::vector<std::string> seen;  // method, target and Range of each request
  std::string kept;               // of bodies
  std::string whole;              // of others
  std::optional<HttpServer> server;
  std::string address;
  std::vector<Descriptor> listening;
  std::vector<HandedConnection> handed;
  Tasks tasks;
};

Task<> World::send_blob(Exchange& exchange) {
  size_t first = 0;
  size_t last = content.size() - 1;
  const std::string range(exchange.request().headers.get("Range"));
  if (!has_blob) co_return exchange.reply(404, {}, "there is none");
  if (!range.empty()) {
    const size_t dash = range.find('-');
    std::from_chars(range.data() + 6, range.data() + dash, first);
    std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
  }
  const bool is_resumable = exchange.request().target == "/blob";
  if (is_resumable) exchange.resumes_from(first);
  exchange.start(range.empty() ? 200 : 206, {}, last - first + 1);
  for (size_t at = first; at <= last; at += kSomeBytes)
    co_await exchange.write(content.substr(at, std::min(kSomeBytes, last + 1 - at)));
}

Task<> World::keep(Exchange& exchange) {
  exchange.keeps_body();
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return;
    if (piece->empty()) break;
    kept += piece->view();
  }
  exchange.reply(201, {}, "kept");
}

// Of such a body nothing is kept before all of it has come.
Task<> World::take_whole(Exchange& exchange) {
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return;
    if (piece->empty()) break;
    whole += piece->view();
  }
  exchange.reply(200, {}, "hello");
}

Task<> World::serve(Exchange& exchange) {
  const auto& request = exchange.request();
  seen.push_back(request.method + " " + request.target);
  if (request.target == "/blob" || request.target == "/once") co_return co_await send_blob(exchange);
  if (request.target == "/keep") co_return co_await keep(exchange);
  if (request.target == "/whole") co_return co_await take_whole(exchange);
  if (request.target == "/wait") {
    while (!going) co_await go_on.wait();
  }
  exchange.reply(200, {}, "hello");
}

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string kKept = "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nkept";

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"; }

TEST_CASE("a connection between two requests goes on with another server") {
  World world;
  RawClient client(world.loop, world.address);
  client.send(get("/"));
  CHECK(client.receive_reply() == kHello);
  world.hand_over();
  client.send(get("/"));
  CHECK(client.receive_reply() == kHello);
  CHECK(world.server->stats().connections == 1);
}

TEST_CASE("what has come of a head goes along to another server") {
  World world;
  RawClient client(world.loop, world.address);
  client.send("GET / HT");
  client.deliver();
  world.hand_over();
  client.send("TP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.receive_reply() == kHello);
}

TEST_CASE("a client that connects while nobody accepts waits for the other server") {
  World world;
  world.listening = *world.server->listening();
  world.server.reset();
  RawClient client(world.loop, world.address);
  client.send(get("/"));
  world.start();
  REQUIRE(world.server->listen_on(std::move(world.listening.front())));
  CHECK(client.receive_reply() == kHello);
}

TEST_CASE("a reply that has not begun is had from the other server") {
  World world;
  RawClient client(world.loop, world.address);
  client.send(get("/wait") + get("/"));
  test::run_until(world.loop, [&] { return !world.seen.empty(); });
  world.hand_over();
  test::run_until(world.loop, [&] { return world.seen.size() == 2; });
  world.going = true;
  world.go_on.ring();
  CHECK(client.receive_reply() == kHello);
  CHECK(client.receive_reply() == kHello);
  CHECK(world.seen == std::vector<std::string>({"GET /wait", "GET /wait", "GET /"}));
}

TEST_CASE("a client in the middle of a reply gets the rest of it from another server, and from a third") {
  World world;
  RawClient client(world.loop, world.address, kSmallWindow);
  const std::string range = GENERATE(std::string(), std::string("Range: bytes=1000-7999999\r\n"));
  client.send("GET /blob HTTP/1.1\r\nHost: x\r\nIf-Range: \"x\"\r\n" + range + "\r\n" + get("/"));
  const std::string wanted = range.empty() ? world.content : world.content.substr(1000, 7'999'000);
  CHECK(client.receive_head().find("Content-Length: " + std::to_string(wanted.size())) != std::string::npos);
  std::string got = client.receive(kSomeBytes);
  world.hand_over();
  got += client.receive(3 << 20);
  world.hand_over();
  got += client.receive(wanted.size() - got.size());
  CHECK(got == wanted);
  CHECK(client.receive_reply() == kHello);
}

TEST_CASE("a client is cut off, and is sent nothing wrong, if the other server has not the rest of a reply") {
  World world;
  RawClient client(world.loop, world.address, kSmallWindow);
  client.send(get("/blob"));
  (void)client.receive_head();
  std::string got = client.receive(kSomeBytes);
  world.has_blob = false;
  world.hand_over();
  got += client.receive_to_end();
  CHECK(got.size() < kBlobBytes);
  CHECK(world.content.starts_with(got));
}

TEST_CASE("a reply that no other server can go on with is cut off after its time") {
  World world;
  world.cut = 1;
  RawClient client(world.loop, world.address, kSmallWindow);
  client.send(get("/once"));
  (void)client.receive_head();
  world.hand_over();
  CHECK(client.receive_to_end().size() < kBlobBytes);
}

TEST_CASE("a request that changes something is waited for, and its client goes on with the other server") {
  World world;
  RawClient client(world.loop, world.address);
  client.send("POST /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  test::run_until(world.loop, [&] { return !world.seen.empty(); });
  world.loop.post([&world] {
    world.going = true;
    world.go_on.ring();
  });
  world.hand_over();
  CHECK(client.receive_reply() == kHello);
  client.send(get("/"));
  CHECK(client.receive_reply() == kHello);
  CHECK(world.seen == std::vector<std::string>({"POST /wait", "GET /"}));
}

TEST_CASE("while what changes something is waited for, all else is served, and nothing more of that begins") {
  World world;
  RawClient changing(world.loop, world.address);
  changing.send("POST /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  test::run_until(world.loop, [&] { return !world.seen.empty(); });
  RawClient keeping(world.loop, world.address);
  keeping.send("PUT /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123");
  test::run_until(world.loop, [&] { return world.kept == "0123"; });
  RawClient half(world.loop, world.address);
  half.send("PUT /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123");
  test::run_until(world.loop, [&] { return world.whole == "0123"; });
  bool has_ended = false;
  world.settle(has_ended);

  keeping.send("45");
  half.send("456789");
  CHECK(half.receive_reply() == kHello);
  RawClient later(world.loop, world.address);
  later.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
  RawClient reading(world.loop, world.address);
  reading.send(get("/"));
  CHECK(reading.receive_reply() == kHello);
  CHECK(world.seen.back() == "GET /");
  CHECK(world.seen.size() == 4);
  CHECK(world.kept == "0123");
  CHECK(!has_ended);
  world.going = true;
  world.go_on.ring();
  CHECK(changing.receive_reply() == kHello);
  test::run_until(world.loop, [&has_ended] { return has_ended; });

  world.hand_over();
  CHECK(later.receive_reply() == kHello);
  keeping.send("6789");
  CHECK(keeping.receive_reply() == kKept);
  CHECK(world.kept == "0123456789");
}

TEST_CASE("what changes something is not waited for without end") {
  World world;
  world.at_work_max = Millis(0);
  world.cut = 1;
  RawClient client(world.loop, world.address);
  client.send("POST /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  test::run_until(world.loop, [&] { return !world.seen.empty(); });
  bool has_ended = false;
  world.settle(has_ended);
  test::run_until(world.loop, [&has_ended] { return has_ended; });
  world.hand_over();
}

TEST_CASE("a body that is kept as it comes goes on with another server, where it was") {
  World world;
  RawClient client(world.loop, world.address);
  client.send("PUT /keep HTTP/1.1\r\nHost: x\r\nContent-Range: 0-9\r\nContent-Length: 10\r\n\r\n0123");
  test::run_until(world.loop, [&] { return world.kept == "0123"; });
  world.hand_over();
  client.send("45");
  test::run_until(world.loop, [&] { return world.kept == "012345"; });
  world.hand_over();
  client.send("6789");
  CHECK(client.receive_reply() == kKept);
  CHECK(world.kept == "0123456789");
}

TEST_CASE("a chunked body goes on with another server wherever it was cut") {
  const std::string body = "4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\n\r\n";
  for (size_t cut = 0; cut < body.size(); ++cut) {
    World world;
    RawClient client(world.loop, world.address);
    client.send("PATCH /keep HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                body.substr(0, cut));
    client.deliver();
    world.hand_over();
    client.send(body.substr(cut));
    INFO("cut at " << cut);
    CHECK(client.receive_reply() == kKept);
    CHECK(world.kept == "0123456789");
  }
}

TEST_CASE(
    "what is left of a body that nobody wants is dropped before its client goes on with another server") {
  World world;
  world.others_max = Millis(10'000);
  RawClient client(world.loop, world.address);
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123");
  CHECK(client.receive_reply() == kHello);
  world.loop.post([&client] { client.send("456789"); });
  world.hand_over();
  client.send(get("/"));
  CHECK(client.receive_reply() == kHello);
}

TEST_CASE("a client that was told to send its body is not told again by another server") {
  World world;
  RawClient client(world.loop, world.address);
  client.send("PUT /keep HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client.receive_head() == "HTTP/1.1 100 Continue\r\n\r\n");
  world.hand_over();
  test::run_until(world.loop, [&] { return world.seen.size() == 2; });
  test::run_some_turns(world.loop);
  client.send("0123");
  CHECK(client.receive_reply() == kKept);
}

TEST_CASE("a connection that is about to close does so with another server, with all that was to be sent") {
  World world;
  RawClient client(world.loop, world.address, kSmallWindow);
  client.send("GET /blob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(client.receive_head().find("Connection: close") != std::string::npos);
  world.hand_over();
  CHECK(client.receive_to_end() == world.content);
}

}  // namespace
}  // namespace breakwater::proxy
