// Who gets a connection and a turn, where there are not enough, and who is the client.
#include <sys/resource.h>
#include <memory>
#include <string>
#include <vector>

#include "proxy/clients/clients.h"
#include "proxy/clients/connection_share.h"
#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

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

}  // namespace
}  // namespace breakwater::proxy
