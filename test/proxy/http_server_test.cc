#include "proxy/server/http_server.h"
#include "proxy/clients/clients.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/loop/workers.h"
#include "test/catch.h"
#include "test/fakes/cold_disk.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/raw_client.h"

namespace breakwater::proxy {
namespace {

using test::RawClient;

constexpr uint64_t kBuffersMax = 1 << 20;

std::string bytes_of(size_t count) {
  std::string bytes(count, '\0');
  uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

// A file of its own, gone with the test.
class TestFile {
 public:
  explicit TestFile(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / ("breakwater-http-" + std::to_string(getpid()))) {
    int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t at = 0; at < bytes.size();) {
      ssize_t written = pwrite(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
      if (written <= 0) throw std::runtime_error("cannot write the test's file");
      at += static_cast<size_t>(written);
    }
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

// A server whose route is the test's choice by path, and what it did.
struct World {
  World() : workers(loop, 2), buffers(loop, kBuffersMax), go_on(loop) {}

  void serve(Route route) {
    server.emplace(loop, workers, buffers, disk, log, settings, std::move(route));
    auto bound = server->listen("127.0.0.1:0");
    REQUIRE(bound);
    address = *bound;
  }
  RawClient client(size_t receive_window = 0) { return RawClient(loop, address, receive_window); }
  void run_until(const std::function<bool()>& condition) { test::run_until(loop, condition); }
  void run_until_idle() {
    run_until([this] { return server->idle(); });
    CHECK(server->stats().connections == 0);
    CHECK(server->stats().requests_running == 0);
    CHECK(alive == 0);
    CHECK(buffers.units() == 0);
  }

  Loop loop;
  test::FakeLog log;
  test::ColdDisk disk;
  Workers workers;
  Buffers buffers;
  ServerSettings settings;
  Signal go_on;  // for routes that wait for the test
  bool going = false;
  int alive = 0;  // routes' Tasks
  std::vector<std::string> seen;
  std::vector<size_t> pieces;  // bytes of each piece of a body that echo() read
  std::optional<HttpServer> server;
  std::string address;
};

class Alive {
 public:
  explicit Alive(World& world) : world_(world) { ++world_.alive; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --world_.alive; }

 private:
  World& world_;
};

Headers plain() {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  return headers;
}

Task<> hello(World& world, Exchange& x) {
  Alive alive(world);
  world.seen.push_back(x.request().method + " " + x.request().target);
  x.reply(200, plain(), "hello " + x.request().target);
  co_return;
}

Route hello_route(World& world) {
  return [&world](Exchange& x) { return hello(world, x); };
}

const std::string kHost = "Host: x\r\n\r\n";

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\n" + kHost; }

std::string hello_to(const std::string& target, const std::string& more = "") {
  auto body = "hello " + target;
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + more + "\r\n" + body;
}

// --- connections

TEST_CASE("a connection serves one request after the other") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  for (int i = 0; i < 3; ++i) {
    client.send(get("/a"));
    CHECK(client.receive_reply() == hello_to("/a"));
  }
  CHECK(world.server->stats().connections_total == 1);
  client.leave();
  world.run_until_idle();
}

TEST_CASE("a reply has a Date") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send(get("/a"));
  auto text = client.receive(
      hello_to("/a").size() +
      std::string("X-Request-Id: 0123456789abcdef\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n").size());
  auto at = text.find("\r\nDate: ");
  REQUIRE(at != std::string::npos);
  CHECK(parse_http_date(text.substr(at + 8, 29)).has_value());
}

TEST_CASE("a request may come in pieces of any size") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send_byte_by_byte(get("/bytes"));
  CHECK(client.receive_reply() == hello_to("/bytes"));
  for (size_t cut = 1; cut < get("/cut").size(); ++cut) {
    client.send_in_two(get("/cut"), cut);
    CHECK(client.receive_reply() == hello_to("/cut"));
  }
}

TEST_CASE("pipelined requests are answered in order") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  std::string requests;
  std::string replies;
  for (int i = 0; i < 2000; ++i) {
    requests += get("/" + std::to_string(i));
    replies += hello_to("/" + std::to_string(i));
  }
  client.send(requests);
  std::string received;
  for (int i = 0; i < 2000; ++i) received += client.receive_reply();
  CHECK(received == replies);
}

TEST_CASE("many pipelined requests of one client do not keep another waiting") {
  World world;
  world.serve(hello_route(world));
  auto greedy = world.client(), other = world.client();
  for (auto* client : {&greedy, &other}) {
    client->send(get("/first"));
    client->receive_reply();
  }
  world.seen.clear();
  std::string requests;
  for (int i = 0; i < 500; ++i) requests += get("/" + std::to_string(i));
  greedy.send(requests);
  other.send(get("/other"));
  other.receive_reply();
  CHECK(world.seen.size() < 20);
  for (int i = 0; i < 500; ++i) greedy.receive_reply();
  CHECK(world.seen.size() == 501);
}

TEST_CASE("who asks through another appliance is told the name of this one, and nobody else is") {
  World world;
  world.settings.hop_name = "breakwater-aaaaaaaaaaaaaaaa";
  world.serve(hello_route(world));
  auto client = world.client();
  const auto ask = [&client](const std::string& via) {
    client.send("GET /a HTTP/1.1\r\n" + via + kHost);
    return client.receive_reply();
  };
  CHECK(ask("") == hello_to("/a"));
  CHECK(ask("Via: 1.1 proxy.example\r\n") == hello_to("/a"));
  CHECK(
      ask("Via: 1.1 breakwater-bbbbbbbbbbbbbbbb\r\n").find("\r\nVia: 1.1 breakwater-aaaaaaaaaaaaaaaa\r\n") !=
      std::string::npos);
}

TEST_CASE("the connection closes when the client asks for it, and stays open in HTTP/1.0 only if asked for") {
  World world;
  world.serve(hello_route(world));
  auto first = world.client();
  first.send("GET /a HTTP/1.1\r\nConnection: close\r\n" + kHost);
  CHECK(first.receive_reply() == hello_to("/a", "Connection: close\r\n"));
  CHECK(first.ends());
  auto second = world.client();
  second.send("GET /a HTTP/1.0\r\n\r\n");
  CHECK(second.receive_reply() == hello_to("/a", "Connection: close\r\n"));
  CHECK(second.ends());
  auto third = world.client();
  for (int i = 0; i < 2; ++i) {
    third.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(third.receive_reply() == hello_to("/a", "Connection: keep-alive\r\n"));
  }
}

TEST_CASE("a client that half-closes is still answered") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send(get("/a") + get("/b"));
  client.end_sending();
  CHECK(client.receive_reply() == hello_to("/a"));
  CHECK(client.receive_reply() == hello_to("/b"));
  CHECK(client.ends());
  world.run_until_idle();
}

TEST_CASE("malformed requests are answered in plain words and the connection closes") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send("GET / HTTP/1.1\r\n\r\n" + get("/never"));
  const auto refused = client.receive_to_end();
  CAPTURE(refused);
  CHECK(refused.find(")\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "X-Content-Type-Options: nosniff\r\nContent-Length: 42\r\nConnection: "
                     "close\r\n\r\nthere is no Host (trace ") != std::string::npos);
  CHECK(refused.starts_with("HTTP/1.1 400 Bad Request: there is no Host (trace "));
  CHECK(world.server->stats().malformed_total == 1);
  CHECK(world.seen.empty());
  client.leave();
  world.run_until_idle();
}

TEST_CASE("a client that goes on sending after its request was refused can read why") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" + bytes_of(8 << 20));
  test::run_some_turns(world.loop);
  CHECK(client.receive_head().starts_with("HTTP/1.1 501 "));
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("TLS on the plain port is answered in HTTP at its first byte") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send("\x16");
  CHECK(client.receive_to_end().starts_with("HTTP/1.1 400 "));
  CHECK(world.server->stats().tls_total == 1);
  CHECK(world.server->stats().malformed_total == 0);
  CHECK(world.log.contains("debug request"));
  CHECK_FALSE(world.log.contains("info request"));
}

TEST_CASE("a head that is too long is 431, a target 414") {
  World world;
  world.serve(hello_route(world));
  auto header = world.client();
  header.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20 * 1024, 'x') + "\r\n\r\n");
  CHECK(header.receive_to_end().starts_with("HTTP/1.1 431 "));
  auto target = world.client();
  target.send(get("/" + std::string(9 * 1024, 'x')));
  CHECK(target.receive_to_end().starts_with("HTTP/1.1 414 "));
  auto endless = world.client();
  endless.send("GET /" + std::string(40 * 1024, 'x'));
  CHECK(endless.receive_to_end().starts_with("HTTP/1.1 414 "));
  auto fits = world.client();
  fits.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(16 * 1024 - 33, 'x') + "\r\n\r\n");
  CHECK(fits.receive_reply() == hello_to("/"));
}

TEST_CASE("an idle connection is closed, a slow head is 408") {
  World world;
  world.settings.idle_timeout_ms = 20;
  world.settings.header_timeout_ms = 20;
  world.serve(hello_route(world));
  auto idle = world.client();
  CHECK(idle.receive_to_end().empty());
  auto slow = world.client();
  slow.send("GET / HT");
  CHECK(slow.receive_to_end().starts_with("HTTP/1.1 408 "));
  auto used = world.client();
  used.send(get("/a"));
  CHECK(used.receive_reply() == hello_to("/a"));
  CHECK(used.receive_to_end().empty());
  idle.leave();
  slow.leave();
  used.leave();
  world.run_until_idle();
}

TEST_CASE("one connection too many is told so and closed") {
  World world;
  world.settings.connections_max = 2;
  world.settings.head_grace_ms = 60'000;
  world.serve(hello_route(world));
  // Both have just come: their first request may be on its way.
  auto first = world.client();
  auto second = world.client();
  world.run_until([&] { return world.server->stats().connections == 2; });
  auto third = world.client();
  CHECK(third.receive_to_end().starts_with("HTTP/1.1 503 "));
  CHECK(world.server->stats().refused_total == 1);
  second.send(get("/a"));
  CHECK(second.receive_reply() == hello_to("/a"));
  first.leave();
  world.run_until([&] { return world.server->stats().connections == 1; });
  auto fourth = world.client();
  fourth.send(get("/b"));
  CHECK(fourth.receive_reply() == hello_to("/b"));
  CHECK(world.server->stats().refused_total == 1);
}

TEST_CASE("a connection that is idle between two requests gives way to a new one, the longest idle first") {
  World world;
  world.settings.connections_max = 3;
  world.serve(hello_route(world));
  auto first = world.client();
  auto second = world.client();
  auto third = world.client();
  for (RawClient* client : {&first, &second, &third}) {
    client->send(get("/a"));
    CHECK(client->receive_reply() == hello_to("/a"));
  }
  first.send(get("/b"));
  CHECK(first.receive_reply() == hello_to("/b"));
  auto fourth = world.client();
  fourth.send(get("/c"));
  CHECK(fourth.receive_reply() == hello_to("/c"));
  CHECK(second.receive_to_end().empty());
  for (RawClient* client : {&first, &third}) {
    client->send(get("/d"));
    CHECK(client->receive_reply() == hello_to("/d"));
  }
  CHECK(world.server->stats().refused_total == 0);
}

TEST_CASE("a connection that does not send a whole head soon gives way to a new one") {
  for (const std::string begun : {"", "GET /a HTTP/1.1\r\nHos"}) {
    INFO(begun);
    World world;
    world.settings.connections_max = 1;
    world.settings.head_grace_ms = 1;
    world.serve(hello_route(world));
    auto slow = world.client();
    slow.send(begun);
    world.run_until([&] { return world.server->stats().connections == 1; });
    std::string reply;
    // Until the grace of the other has passed there is no place.
    while (!reply.starts_with("HTTP/1.1 200")) {
      auto client = world.client();
      client.send("GET /b HTTP/1.1\r\nConnection: close\r\n" + kHost);
      reply = client.receive_to_end();
    }
    CHECK(slow.receive_to_end().empty());
  }
}

// A server whose clients have shares.
struct SharedWorld {
  explicit SharedWorld(const ClientLimits& limits)
      : clients({world.loop, world.buffers, world.log, limits, [this](auto route, auto share) {
                   refused.push_back(std::string(route) + " " + std::string(share));
                 }}) {}
  void serve(Route route) {
    world.settings.name = "dockerhub";
    world.server.emplace(world.loop, world.workers, world.buffers, world.disk, world.log, world.settings,
                         std::move(route), HttpServer::Shares{nullptr, &clients});
    auto bound = world.server->listen("127.0.0.1:0");
    REQUIRE(bound);
    world.address = *bound;
  }
  World world;
  std::vector<std::string> refused;
  Clients clients;
};

TEST_CASE("a client that has its share of connections is answered 429, and its own idle ones give way") {
  ClientLimits limits;
  limits.connections_max = 2;
  SharedWorld shared(limits);
  World& world = shared.world;
  world.settings.head_grace_ms = 60'000;
  shared.serve(hello_route(world));
  {
    auto first = world.client();
    auto second = world.client();
    world.run_until([&] { return world.server->stats().connections == 2; });
    auto third = world.client();
    const auto reply = third.receive_to_end();
    CHECK(reply.starts_with("HTTP/1.1 429 "));
    CHECK(reply.find("\r\nRetry-After: 1\r\n") != std::string::npos);
    CHECK(reply.find("127.0.0.1") != std::string::npos);
    CHECK(shared.refused == std::vector<std::string>{"dockerhub client_connections"});
    first.send(get("/a"));
    CHECK(first.receive_reply() == hello_to("/a"));
    auto fourth = world.client();
    fourth.send(get("/b"));
    CHECK(fourth.receive_reply() == hello_to("/b"));
    CHECK(first.receive_to_end().empty());
  }
  world.run_until_idle();
  world.server.reset();
}

Task<> answer_in_turn(World& world, Exchange& x) {
  Alive alive(world);
  bool is_its_turn = x.take_turn();
  if (!is_its_turn) {
    const auto deadline = x.request().target == "/late" ? world.loop.now() : Moment::max();
    is_its_turn = co_await x.wait_for_turn(deadline);
  }
  world.seen.push_back(x.request().target);
  if (x.request().target == "/slow") {
    while (!world.going) co_await world.go_on.wait();
  }
  x.reply(is_its_turn ? 200 : 429, plain(), "hello " + x.request().target);
}

TEST_CASE("a client's requests beyond its share wait until one of the others is answered") {
  ClientLimits limits;
  limits.requests_max = 1;
  SharedWorld shared(limits);
  World& world = shared.world;
  shared.serve([&world](Exchange& x) { return answer_in_turn(world, x); });
  {
    auto slow = world.client();
    slow.send(get("/slow"));
    world.run_until([&] { return world.seen.size() == 1; });
    auto late = world.client();
    late.send(get("/late"));
    CHECK(late.receive_reply().starts_with("HTTP/1.1 429 "));
    auto next = world.client();
    next.send(get("/next"));
    world.run_until([&] { return world.alive == 2; });
    CHECK(world.seen == std::vector<std::string>{"/slow", "/late"});
    world.going = true;
    world.go_on.ring();
    CHECK(slow.receive_reply() == hello_to("/slow"));
    CHECK(next.receive_reply() == hello_to("/next"));
  }
  world.run_until_idle();
  world.server.reset();
}

TEST_CASE("what a client's bodies hold counts in its share of the buffers") {
  ClientLimits limits;
  limits.buffer_bytes_max = kBuffersMax / 2;
  SharedWorld shared(limits);
  World& world = shared.world;
  uint64_t held = 0;
  shared.serve([&](Exchange& x) -> Task<> {
    const auto piece = co_await x.read();
    held = shared.clients.of(x.peer())->buffers().units();
    CHECK(world.buffers.units() == held);
    x.reply(200, plain(), "");
  });
  {
    auto client = world.client();
    client.send("PUT / HTTP/1.1\r\nContent-Length: 5\r\n" + kHost + "hello");
    CHECK(client.receive_reply().starts_with("HTTP/1.1 200 "));
    CHECK(held > 0);
  }
  world.run_until_idle();
  world.server.reset();
}

TEST_CASE("servers that share their connections make room for each other's clients") {
  World world;
  ConnectionShare common(2);
  HttpServer other(world.loop, world.workers, world.buffers, world.disk, world.log, world.settings,
                   hello_route(world), {&common, nullptr});
  HttpServer one(world.loop, world.workers, world.buffers, world.disk, world.log, world.settings,
                 hello_route(world), {&common, nullptr});
  const auto others = other.listen("127.0.0.1:0");
  const auto ones = one.listen("127.0.0.1:0");
  RawClient first(world.loop, *others);
  RawClient second(world.loop, *others);
  for (RawClient* client : {&first, &second}) {
    client->send(get("/a"));
    CHECK(client->receive_reply() == hello_to("/a"));
  }
  RawClient third(world.loop, *ones);
  third.send(get("/b"));
  CHECK(third.receive_reply() == hello_to("/b"));
  CHECK(first.receive_to_end().empty());
  world.run_until([&] { return other.stats().connections == 1; });
  CHECK(one.stats().connections == 1);
}

TEST_CASE("many connections are served at once") {
  World world;
  world.serve(hello_route(world));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<RawClient>(world.loop, world.address));
    clients.back()->send(get("/" + std::to_string(i)));
  }
  for (int i = 0; i < 200; ++i)
    CHECK(clients[static_cast<size_t>(i)]->receive_reply() == hello_to("/" + std::to_string(i)));
  CHECK(world.server->stats().connections == 200);
  clients.clear();
  world.run_until_idle();
}

TEST_CASE("out of descriptors, clients wait and are served once there are some again") {
  World world;
  world.serve(hello_route(world));
  auto client = world.client();
  client.send(get("/a"));
  const auto failures = [&world] { return world.log.count("accept_failed"); };
  // UBSan looks at the log's type at its first calls, through a pipe: while there still can be one.
  world.log.warning("first", {});
  CHECK(failures() == 0);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  world.run_until([&failures] { return failures() > 0; });
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(client.receive_reply() == hello_to("/a"));
  CHECK(failures() == 1);
}

TEST_CASE("an address that is none, or is taken, cannot be listened on") {
  World world;
  world.serve(hello_route(world));
  for (const char* bad : {"", "localhost", "127.0.0.1", "[::1]", "127.0.0.1:x", "127.0.0.1:99999",
                          "127.0.0.1:-1", "127.0.0.1: 1", "[]:1", "[::1:5000", "::1:5000"}) {
    INFO(bad);
    auto bound = world.server->listen(bad);
    REQUIRE_FALSE(bound);
    CHECK(bound.error().kind == Error::Kind::invalid);
  }
  auto taken = world.server->listen(world.address);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind == Error::Kind::conflict);
}

Task<> tell_peer(Exchange& x) {
  x.reply(200, Headers(), x.peer().text);
  co_return;
}

TEST_CASE("the peer is known by its address, IPv4 as such") {
  World world;
  world.serve([](Exchange& x) { return tell_peer(x); });
  auto client = world.client();
  client.send(get("/"));
  CHECK(client.receive_reply().ends_with("\r\n127.0.0.1"));
  auto mapped = world.server->listen("[::]:0");
  if (!mapped) return;  // no IPv6 here
  auto port = mapped->substr(mapped->rfind(':'));
  RawClient four(world.loop, "127.0.0.1" + port);
  four.send(get("/"));
  CHECK(four.receive_reply().ends_with("\r\n127.0.0.1"));
  RawClient six(world.loop, "[::1]" + port);
  six.send(get("/"));
  CHECK(six.receive_reply().ends_with("\r\n::1"));
}

// --- replies

Task<> wait_to_go_on(World& world) {
  while (!world.going) co_await world.go_on.wait();
}

Task<> reply_by_path(World& world, Exchange& x) {
  Alive alive(world);
  const std::string& path = x.request().target;
  if (path == "/shared") {
    x.reply(200, Headers(), std::make_shared<const std::string>(bytes_of(3 << 20)));
  } else if (path == "/length") {
    x.start(200, Headers(), 10);
    co_await x.write("01234");
    co_await x.write("56789");
  } else if (path == "/chunked") {
    x.start(200, Headers(), std::nullopt);
    co_await x.write("hello");
    co_await x.write("");
    co_await x.write(std::string(16, 'x'));
    x.finish();
  } else if (path == "/204") {
    x.reply(204, Headers(), "");
  } else if (path == "/304") {
    x.reply(304, Headers(), "");
  } else if (path == "/nothing") {
  } else if (path == "/throws") {
    throw std::runtime_error("a bug");
  } else if (path == "/late") {
    x.start(200, Headers(), 10);
    co_await x.write("01234");
    throw std::runtime_error("a late bug");
  } else if (path == "/short") {
    x.start(200, Headers(), 10);
    co_await x.write("01234");
  } else if (path == "/unfinished") {
    x.start(200, Headers(), std::nullopt);
    co_await x.write("01234");
  } else if (path == "/long") {
    x.start(200, Headers(), 5);
    co_await x.write("0123456789");
  } else if (path == "/after") {
    x.start(200, Headers(), std::nullopt);
    x.finish();
    co_await x.write("smuggled");
  } else if (path == "/abort") {
    x.start(200, Headers(), 10);
    co_await x.write("01234");
    x.abort();
  } else if (path == "/close") {
    x.close_after();
    x.reply(200, Headers(), "bye");
  } else if (path == "/injected") {
    Headers headers;
    headers.add("X", "a\r\nSet-Cookie: b");
    x.reply(200, std::move(headers), "");
  } else if (path == "/waits") {
    x.start(200, Headers(), 5);
    co_await wait_to_go_on(world);
    co_await x.write("hello");
  } else if (path == "/flood") {
    x.start(200, Headers(), 64 << 20);
    for (int i = 0; i < 8; ++i) co_await x.write(std::string(8 << 20, 'x'));
  } else if (path == "/until_close") {
    x.start(200, Headers(), std::nullopt);
    co_await x.write("hello");
    co_await wait_to_go_on(world);
    x.abort();
  }
  world.seen.push_back("end of " + path);
}

Route by_path(World& world) {
  return [&world](Exchange& x) { return reply_by_path(world, x); };
}

TEST_CASE("a reply has a length or chunks, and none where there is no body") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  struct Row {
    const char* target;
    const char* reply;
  };
  for (const Row& row :
       {Row{"/length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
        Row{"/chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
            "chunked\r\n\r\n5\r\nhello\r\n10\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"},
        Row{"/204", "HTTP/1.1 204 No Content\r\n\r\n"}, Row{"/304", "HTTP/1.1 304 Not Modified\r\n\r\n"},
        Row{"/injected", "HTTP/1.1 200 OK\r\nX: a  Set-Cookie: b\r\nContent-Length: 0\r\n\r\n"}}) {
    client.send(get(row.target));
    CHECK(client.receive_reply() == row.reply);
  }
  client.send(get("/close"));
  CHECK(client.receive_to_end() == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye");
}

TEST_CASE("HEAD has the head that GET would have, and no body") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  struct Row {
    const char* target;
    const char* reply;
  };
  for (const Row& row : {Row{"/length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
                         Row{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
                         Row{"/shared", "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n"}}) {
    client.send("HEAD " + std::string(row.target) + " HTTP/1.1\r\n" + kHost);
    CHECK(client.receive_reply_to_head() == row.reply);
  }
}

TEST_CASE("in HTTP/1.0 a reply without length ends with the connection, and a broken one with a reset") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  client.send("GET /chunked HTTP/1.0\r\n\r\n");
  CHECK(client.receive_to_end() == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhelloxxxxxxxxxxxxxxxx");
  CHECK_FALSE(client.was_reset());
  auto broken = world.client();
  broken.send("GET /until_close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(broken.receive_head() == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  CHECK(broken.receive(5) == "hello");
  world.going = true;
  world.go_on.ring();
  CHECK(broken.receive_to_end().empty());
  CHECK(broken.was_reset());
}

TEST_CASE("a route that fails before its reply answers 500, and the connection goes on") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  for (const char* target : {"/nothing", "/throws", "/nothing"}) {
    client.send(get(target));
    const auto reply = client.receive_reply();
    CHECK(
        reply.starts_with("HTTP/1.1 500 Internal Server Error: internal error; ask whoever runs Breakwater"));
    CHECK(reply.find(")\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n") !=
          std::string::npos);
    CHECK(reply.find("\r\n\r\ninternal error; ask whoever runs Breakwater") != std::string::npos);
  }
  CHECK(world.log.contains("a bug"));
  CHECK(world.log.count("route_failed") == 3);
}

TEST_CASE("a reply that is not what was declared is cut, and never looks whole") {
  struct Row {
    const char* target;
    const char* received;
  };
  auto row =
      GENERATE(Row{"/late", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"},
               Row{"/short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"},
               Row{"/abort", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"}, Row{"/long", ""},
               Row{"/unfinished", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n"},
               Row{"/after", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"});
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  client.send(get(row.target) + get("/204"));
  INFO(row.target);
  CHECK(client.receive_to_end() == row.received);
  CHECK(world.log.count("reply_cut") == (std::string(row.target) == "/abort" ? 0 : 1));
  world.run_until_idle();
}

TEST_CASE("a head goes out in the turn of its start(), even if the body has to wait") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  client.send(get("/waits"));
  CHECK(client.receive_head() == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(world.alive == 1);
  CHECK(world.server->stats().requests_running == 1);
  world.going = true;
  world.go_on.ring();
  CHECK(client.receive(5) == "hello");
}

TEST_CASE("a large reply reaches a slow client whole") {
  World world;
  world.serve(by_path(world));
  auto client = world.client(4096);
  client.send(get("/shared"));
  CHECK(client.receive_head() == "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n");
  CHECK(client.receive(3 << 20) == bytes_of(3 << 20));
}

TEST_CASE("a client that takes nothing is cut, and its bytes are no more held") {
  World world;
  world.settings.write_timeout_ms = 30;
  world.serve(by_path(world));
  auto client = world.client(4096);
  client.send(get("/flood"));
  world.run_until([&] { return world.buffers.units() > 0; });
  world.run_until_idle();
  CHECK(world.log.contains("reason=the client took nothing for too long"));
  CHECK(world.seen.empty());
}

TEST_CASE("the route's Task is gone when the client resets, wherever it waits") {
  auto target = GENERATE(as<std::string>(), "/waits", "/flood", "/until_close");
  World world;
  world.serve(by_path(world));
  auto client = world.client(4096);
  client.send(get(target));
  world.run_until([&] { return client.received() > 0; });
  CHECK(world.alive == 1);
  client.reset();
  world.run_until_idle();
  CHECK(world.seen.empty());
}

TEST_CASE("destroying the server cuts every connection and destroys every Task") {
  World world;
  world.serve(by_path(world));
  auto waiting = world.client();
  auto idle = world.client();
  auto flooded = world.client(4096);
  waiting.send(get("/waits"));
  flooded.send(get("/flood"));
  world.run_until([&] { return world.alive == 2 && world.buffers.units() > 0; });
  world.server.reset();
  CHECK(world.alive == 0);
  CHECK(world.buffers.units() == 0);
  waiting.receive_to_end();
  CHECK(waiting.ends());
  CHECK(idle.ends());
}

TEST_CASE("a draining server closes idle connections, lets busy ones finish, and takes no new ones") {
  World world;
  world.serve(by_path(world));
  auto busy = world.client();
  auto idle = world.client();
  idle.send(get("/204"));
  idle.receive_reply();
  busy.send(get("/waits"));
  busy.receive_head();
  world.server->drain();
  CHECK(idle.ends());
  CHECK_THROWS(world.client());
  CHECK_FALSE(world.server->idle());
  world.going = true;
  world.go_on.ring();
  CHECK(busy.receive_to_end() == "hello");
  idle.leave();
  busy.leave();
  world.run_until_idle();
}

Task<> note_idle(World& world, bool& rang) {
  while (!world.server->idle()) co_await world.server->became_idle().wait();
  rang = true;
}

TEST_CASE("the server tells when its last connection is gone") {
  World world;
  world.serve(by_path(world));
  auto client = world.client();
  client.send(get("/204"));
  client.receive_reply();
  bool rang = false;
  auto waiting = note_idle(world, rang);
  waiting.start();
  CHECK_FALSE(rang);
  client.leave();
  world.run_until([&] { return rang; });
}

// --- the request's body

Task<> echo(World& world, Exchange& x) {
  Alive alive(world);
  std::string all;
  for (;;) {
    auto piece = co_await x.read();
    if (!piece) {
      x.reply(400, Headers(), piece.error().message);
      co_return;
    }
    if (piece->empty()) break;
    CHECK(piece->size() <= 512 * 1024);
    CHECK(world.buffers.units() >= piece->size());
    all += piece->view();
    world.pieces.push_back(piece->size());
  }
  x.reply(200, Headers(), all);
}

Task<> ignore_body(World& world, Exchange& x) {
  Alive alive(world);
  if (x.request().target == "/one") co_await x.read();
  x.reply(200, Headers(), "ok");
}

Task<> wait_then_read(World& world, Exchange& x) {
  Alive alive(world);
  co_await wait_to_go_on(world);
  co_await echo(world, x);
}

std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}
std::string sized(const std::string& body, const std::string& headers = "") {
  return post(headers + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}
std::string ok(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

TEST_CASE("a body is read by length or by chunks, however it arrives, and the next request is the next") {
  World world;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  auto client = world.client();
  const std::string chunked =
      post("Transfer-Encoding: chunked\r\n", "2;ext=\"x\"\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n");
  for (const auto& text : {sized("hello"), chunked}) {
    client.send(text + text);
    CHECK(client.receive_reply() == ok("hello"));
    CHECK(client.receive_reply() == ok("hello"));
    client.send_byte_by_byte(text);
    CHECK(client.receive_reply() == ok("hello"));
    for (size_t cut = 1; cut < text.size(); cut += 3) {
      client.send_in_two(text, cut);
      CHECK(client.receive_reply() == ok("hello"));
    }
  }
  client.leave();
  world.run_until_idle();
}

TEST_CASE("a large body is read in pieces that count against the buffers") {
  World world;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  auto client = world.client();
  auto body = bytes_of(5 << 20);
  client.send(sized(body));
  CHECK(client.receive_reply() == ok(body));
  std::string chunked;
  for (size_t at = 0; at < body.size(); at += 1 << 19)
    chunked += "80000\r\n" + body.substr(at, 1 << 19) + "\r\n";
  client.send(post("Transfer-Encoding: chunked\r\n", chunked + "0\r\n\r\n"));
  CHECK(client.receive_reply() == ok(body));
  client.leave();
  world.run_until_idle();
}

// Which of the boundaries of pieces between the first and the last byte a piece ended at.
size_t boundaries_met(const World& world) {
  size_t met = 0, end = 0;
  for (size_t piece : world.pieces) met += (end += piece) % (512 * 1024) == 0 ? 1 : 0;
  return met;
}

TEST_CASE("pieces of a body end where the disk writes them best, whatever its framing and its beginning") {
  World world;
  world.serve([&world](Exchange& x) { return wait_then_read(world, x); });
  auto client = world.client();
  const auto body = bytes_of((3 << 20) + 5);
  std::string chunked;
  for (size_t at = 0; at < body.size(); at += 32'000) {
    const auto chunk = body.substr(at, 32'000);
    std::array<char, 17> size{};
    std::snprintf(size.data(), size.size(), "%zx", chunk.size());
    chunked += size.data() + std::string("\r\n") + chunk + "\r\n";
  }
  for (const auto& text : {sized(body), post("Transfer-Encoding: chunked\r\n", chunked + "0\r\n\r\n")}) {
    world.pieces.clear();
    world.going = true;
    client.send(text + get("/next"));
    CHECK(client.receive_reply() == ok(body));
    CHECK(boundaries_met(world) == 6);
    CHECK(client.receive_reply() == ok(""));
  }
  client.leave();
  world.run_until_idle();
}

TEST_CASE("what nobody reads is left to the kernel") {
  World world;
  world.serve([&world](Exchange& x) { return wait_then_read(world, x); });
  auto client = world.client();
  auto body = bytes_of(32 << 20);
  client.send(sized(body));
  world.run_until([&] { return world.alive == 1; });
  test::run_some_turns(world.loop);
  CHECK(world.buffers.units() == 0);
  world.going = true;
  world.go_on.ring();
  CHECK(client.receive_reply() == ok(body));
}

TEST_CASE("with the buffers full a body waits, and goes on when there is room") {
  World world;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  BufferReservation all = world.buffers.try_reserve(kBuffersMax);
  auto client = world.client();
  client.send(sized("hello"));
  world.run_until([&] { return world.alive > 0; });
  test::run_some_turns(world.loop);
  CHECK(client.received() == 0);
  all.shrink(0);
  CHECK(client.receive_reply() == ok("hello"));
}

TEST_CASE("100 Continue is sent when the route first reads, not before") {
  World world;
  world.serve([&world](Exchange& x) { return wait_then_read(world, x); });
  auto client = world.client();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  world.run_until([&] { return world.alive == 1; });
  test::run_some_turns(world.loop);
  CHECK(client.received() == 0);
  world.going = true;
  world.go_on.ring();
  CHECK(client.receive_head() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  CHECK(client.receive_reply() == ok("hello"));
  // One that does not wait for it needs none.
  client.send(sized("hello", "Expect: 100-continue\r\n"));
  CHECK(client.receive_reply() == ok("hello"));
}

TEST_CASE("a final answer without 100 Continue closes the connection") {
  World world;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto client = world.client();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(client.receive_to_end() == ok("ok", "Connection: close\r\n"));
}

TEST_CASE("what a route does not read of a body is skipped, if it is not too much") {
  World world;
  world.settings.drain_bytes_max = 1 << 20;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto client = world.client();
  for (const auto& text :
       {sized(bytes_of(1 << 20)), post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")}) {
    client.send(text + get("/"));
    CHECK(client.receive_reply() == ok("ok"));
    CHECK(client.receive_reply() == ok("ok"));
  }
  client.send("POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + bytes_of(1 << 20) +
              get("/"));
  CHECK(client.receive_reply() == ok("ok"));
  CHECK(client.receive_reply() == ok("ok"));
  client.send(sized(bytes_of(8 << 20)));
  CHECK(client.receive_to_end() == ok("ok", "Connection: close\r\n"));
  CHECK_FALSE(client.was_reset());
  client.leave();
  world.run_until_idle();
}

// As long as `client` is connected, up to so many times.
size_t send_on(World& world, RawClient& client, size_t times) {
  const auto piece = "10000\r\n" + bytes_of(1 << 16) + "\r\n";
  size_t sent = 0;
  for (; sent < times && !client.was_reset(); ++sent) {
    client.send(piece);
    test::run_some_turns(world.loop);
  }
  return sent;
}

TEST_CASE("a client that is refused in the middle of its body may send on, and then reads why") {
  World world;
  world.settings.drain_bytes_max = 1 << 16;
  world.settings.drop_bytes_per_s = UINT64_MAX;
  world.settings.lingering_timeout_ms = 1;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  for (const std::string framing : {"Content-Length: 2147483648\r\n", "Transfer-Encoding: chunked\r\n"}) {
    INFO(framing);
    auto client = world.client();
    client.send(post(framing, ""));
    CHECK(send_on(world, client, 500) == 500);
    client.end_sending();
    CHECK(client.receive_to_end() == ok("ok", "Connection: close\r\n"));
    CHECK_FALSE(client.was_reset());
    client.leave();
    world.run_until_idle();
  }
}

TEST_CASE("a client that is refused in the middle of its body is answered when it has sent all") {
  World world;
  world.settings.drain_bytes_max = 1 << 16;
  world.settings.drop_bytes_per_s = UINT64_MAX;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  const bool chunked = GENERATE(false, true);
  const std::string piece = chunked ? "100000\r\n" + bytes_of(1 << 20) + "\r\n" : bytes_of(1 << 20);
  auto client = world.client();
  client.send(post(chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 8388608\r\n", ""));
  for (int i = 0; i < 8; ++i) {
    test::run_some_turns(world.loop);
    CHECK(client.received() == 0);
    CHECK_FALSE(client.ended());
    client.send(piece);
  }
  if (chunked) client.send("0\r\n\r\n");
  CHECK(client.receive_to_end() == ok("ok", "Connection: close\r\n"));
  CHECK_FALSE(client.was_reset());
  client.leave();
  world.run_until_idle();
}

TEST_CASE("what a refused client sends on is read at a bounded pace, and not kept") {
  World world;
  world.settings.drain_bytes_max = 1 << 16;
  world.settings.drop_bytes_per_s = 1;
  world.settings.drop_time_ms = 1'000'000;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto client = world.client();
  client.send(post("Content-Length: 2147483648\r\n", bytes_of(64 << 20)));
  world.run_until([&] { return world.server->stats().requests_running == 0 && client.unsent() > 0; });
  test::run_some_turns(world.loop);
  CHECK(client.unsent() > (32 << 20));
  CHECK(world.buffers.units() == 0);
}

TEST_CASE("a refused client's connection is given up for one that needs a place") {
  World world;
  world.settings.drain_bytes_max = 1 << 16;
  world.settings.connections_max = 1;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto refused = world.client();
  refused.send(post("Content-Length: 2147483648\r\n", "hello"));
  refused.deliver();
  auto other = world.client();
  other.send(get("/"));
  CHECK(other.receive_reply() == ok("ok"));
}

TEST_CASE("every answer has the id of its request, its own or one that is made, and the log has it too") {
  World world;
  world.serve(hello_route(world));
  const auto id_of = [](const std::string& head) {
    const auto at = head.find("X-Request-Id: ");
    return at == std::string::npos ? "" : head.substr(at + 14, head.find("\r\n", at) - at - 14);
  };
  const auto ask = [&](const std::string& request) {
    auto client = world.client();
    client.send(request);
    client.end_sending();
    return client.receive(1 << 16);
  };
  CHECK(id_of(ask("GET /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n")) == "mine");
  const auto first = id_of(ask(get("/a"))), second = id_of(ask(get("/a")));
  CHECK(first.size() == 16);
  CHECK(second.size() == 16);
  CHECK(first != second);
  const auto malformed = ask("GET / HTTP/1.1\r\n\r\n");
  CHECK(id_of(malformed).size() == 16);
  CHECK(malformed.ends_with("there is no Host (trace " + id_of(malformed) + ")\n"));
  CHECK(world.log.contains("request route= client=127.0.0.1 status=400 trace=" + id_of(malformed) +
                           " reason=there is no Host"));
}

TEST_CASE("a refused client that falls silent, or never stops, is left") {
  World world;
  world.settings.drop_silence_ms = 20;
  world.settings.drop_time_ms = 100;
  world.settings.lingering_time_ms = 100;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto silent = world.client();
  silent.send(post("Content-Length: 2147483648\r\n", "hello"));
  world.run_until_idle();
  auto endless = world.client();
  endless.send(post("Content-Length: 2147483648\r\n", ""));
  send_on(world, endless, SIZE_MAX);
  CHECK(endless.was_reset());
  world.run_until_idle();
}

TEST_CASE(
    "a body that breaks off, stalls or is malformed is an error to its reader, and the connection closes "
    "after the reply") {
  World world;
  world.settings.body_timeout_ms = 20;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  auto ends = world.client();
  ends.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
  ends.end_sending();
  CHECK(ends.receive_to_end().starts_with("HTTP/1.1 400 "));
  auto stalls = world.client();
  stalls.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
  auto reply = stalls.receive_to_end();
  CHECK(reply.starts_with("HTTP/1.1 400 "));
  CHECK(reply.ends_with("the client sent nothing for too long"));
  auto malformed = world.client();
  malformed.send(post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n") + get("/"));
  reply = malformed.receive_to_end();
  CHECK(reply.starts_with("HTTP/1.1 400 "));
  CHECK(reply.find("Connection: close") != std::string::npos);
  CHECK(reply.ends_with("the chunked body is malformed"));
  ends.leave();
  stalls.leave();
  malformed.leave();
  world.run_until_idle();
}

TEST_CASE("a body that comes too slowly is ended, however steadily it comes, and the connection closes") {
  World world;
  world.settings.body_rate_min_bytes = 1 << 20;
  world.settings.body_rate_time_ms = 20;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  for (const std::string framing : {"Content-Length: 100000000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    for (const bool is_steady : {false, true}) {
      CAPTURE(framing, is_steady);
      auto client = world.client();
      client.send(post(framing, ""));
      world.run_until([&] {
        if (is_steady) client.send(framing.starts_with("C") ? "x" : "1\r\nx\r\n");
        return client.received() > 0;
      });
      const auto reply = client.receive_to_end();
      CHECK(reply.find("\r\nConnection: close\r\n") != std::string::npos);
      CHECK(reply.find("too slowly: less than 1048576 bytes a second over 20 ms") != std::string::npos);
      client.leave();
      world.run_until_idle();
    }
  }
}

TEST_CASE("a body that its route left unread is not waited for either if it comes too slowly") {
  World world;
  world.settings.body_rate_min_bytes = 1 << 20;
  world.settings.body_rate_time_ms = 20;
  world.serve([&world](Exchange& x) { return ignore_body(world, x); });
  auto client = world.client();
  client.send(post("Content-Length: 1000\r\n", "hello"));
  CHECK(client.receive_to_end() == ok("ok"));
  client.leave();
  world.run_until_idle();
}

TEST_CASE("a client that resets in the middle of its body leaves nothing behind") {
  World world;
  world.serve([&world](Exchange& x) { return echo(world, x); });
  for (size_t sent : {size_t{0}, size_t{1}, size_t{300'000}}) {
    auto client = world.client();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes_of(sent));
    world.run_until([&] { return world.alive == 1; });
    client.reset();
    world.run_until_idle();
  }
}

// --- files

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

TEST_CASE("a file is sent whole or in part, small or large, to fast clients and slow ones") {
  auto bytes = bytes_of(3'000'000);
  TestFile file(bytes);
  auto range = GENERATE(FileRange{0, 3'000'000}, FileRange{1, 2'999'999}, FileRange{0, 0},
                        FileRange{2'999'999, 1}, FileRange{7, 16'384}, FileRange{7, 16'385},
                        FileRange{100, 262'144}, FileRange{5, 100, true}, FileRange{0, 1'000'000, true});
  auto window = GENERATE(size_t{0}, size_t{4096});
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), range); });
  auto client = world.client(window);
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    auto body = bytes.substr(range.offset, range.length);
    auto head = client.receive_head();
    if (range.chunked) {
      char size[20];
      snprintf(size, sizeof size, "%zx\r\n", body.size());
      body = size + body + "\r\n0\r\n\r\n";
    }
    CHECK((client.receive(body.size()) == body));
  }
  client.leave();
  world.run_until_idle();
}

TEST_CASE("the loop does not wait for a cold file: a worker reads it first, a piece at a time") {
  auto bytes = bytes_of(3'000'000);
  TestFile file(bytes);
  World world;
  world.disk.cool();
  world.serve([&](Exchange& x) {
    return send_range(world, x, file.file(), FileRange{0, bytes.size(), false});
  });
  auto client = world.client();
  client.send(get("/"));
  client.receive_head();
  CHECK((client.receive(bytes.size()) == bytes));
  CHECK(world.disk.reads_ahead() == 3);
  CHECK(world.disk.longest_read_ahead() <= 1 << 20);
  CHECK_FALSE(world.disk.read_ahead_by(std::this_thread::get_id()));
}

TEST_CASE("a client that leaves while its file is read ahead leaves nothing behind") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.disk.cool();
  world.disk.hold();
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  auto client = world.client();
  client.send(get("/"));
  client.receive_head();
  world.run_until([&] { return world.disk.reads_ahead() == 1; });
  client.reset();
  world.run_until_idle();
  world.disk.release();
}

TEST_CASE("a file that is too short cuts the reply, and is logged") {
  auto length = GENERATE(uint64_t{10'000}, uint64_t{1'000'000});
  TestFile file(bytes_of(length));
  file.truncate(length - 1);
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, length, false}); });
  auto client = world.client();
  client.send(get("/"));
  CHECK(client.receive_head().ends_with("\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n") ==
        (length > 16 * 1024));
  CHECK(client.receive_to_end().size() < length);
  CHECK(world.log.count("reply_cut") == 1);
  world.run_until_idle();
}

TEST_CASE("a file that cannot be read ahead cuts the reply, and is logged") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.disk.cool();
  world.disk.fail_reads();
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  auto client = world.client();
  client.send(get("/"));
  CHECK(client.receive_to_end() == "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(world.log.contains("the disk is broken"));
  world.run_until_idle();
}

TEST_CASE("a client that takes nothing of a file is cut") {
  TestFile file(bytes_of(8 << 20));
  World world;
  world.settings.write_timeout_ms = 30;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 8 << 20, false}); });
  auto client = world.client(4096);
  client.send(get("/"));
  world.run_until([&] { return world.alive == 1; });
  world.run_until_idle();
  CHECK(world.log.contains("reason=the client took nothing for too long"));
}

TEST_CASE("a client may leave after any number of bytes of a reply") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  for (size_t bytes = 0; bytes < 1'000'000; bytes += 99'991) {
    auto client = world.client(4096);
    client.send(get("/"));
    client.receive(bytes);
    client.leave();
    world.run_until_idle();
  }
}

}  // namespace
}  // namespace breakwater::proxy
