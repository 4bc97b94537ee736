// A server whose route is the test's choice, spoken to in raw text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/loop/workers.h"
#include "proxy/server/http_server.h"
#include "test/catch.h"
#include "test/fakes/cold_disk.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/raw_client.h"

namespace breakwater::proxy {

using test::RawClient;

inline constexpr uint64_t kBuffersMax = 1 << 20;

inline std::string bytes_of(size_t count) {
  std::string bytes(count, '\0');
  uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

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

inline Headers plain() {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  return headers;
}

inline Task<> hello(World& world, Exchange& x) {
  Alive alive(world);
  world.seen.push_back(x.request().method + " " + x.request().target);
  x.reply(200, plain(), "hello " + x.request().target);
  co_return;
}

inline Route hello_route(World& world) {
  return [&world](Exchange& x) { return hello(world, x); };
}

inline const std::string kHost = "Host: x\r\n\r\n";

inline std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\n" + kHost; }

inline std::string hello_to(const std::string& target, const std::string& more = "") {
  auto body = "hello " + target;
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + more + "\r\n" + body;
}

// --- what a route waits for, and reads

inline Task<> wait_to_go_on(World& world) {
  while (!world.going) co_await world.go_on.wait();
}

inline Task<> echo(World& world, Exchange& x) {
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

inline Task<> ignore_body(World& world, Exchange& x) {
  Alive alive(world);
  if (x.request().target == "/one") co_await x.read();
  x.reply(200, Headers(), "ok");
}

inline std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}
inline std::string sized(const std::string& body, const std::string& headers = "") {
  return post(headers + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}
inline std::string ok(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

}  // namespace breakwater::proxy
