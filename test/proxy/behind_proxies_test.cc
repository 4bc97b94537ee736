// What a server makes of what trusted proxies, and others, say of who asks.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/clients/clients.h"
#include "proxy/clients/connection_share.h"
#include "test/catch.h"
#include "test/fakes/proxy_headers.h"
#include "test/fakes/run.h"
#include "test/proxy/tls_world.h"

namespace breakwater::proxy {
namespace {

using test::binary_header;
using test::text_header;

// Says who has asked, and how.
Task<> say_peer(World& world, Exchange& x) {
  Alive alive(world);
  std::string text = x.peer().text;
  if (x.peer().is_told) text += " told";
  if (x.is_secure()) text += " secure";
  if (x.client() != nullptr) text += " of " + x.client()->address();
  x.reply(200, Headers(), text);
  co_return;
}

TrustedProxies trusted(const std::string& network = "127.0.0.0/8") {
  return *TrustedProxies::parse({network});
}

// The server, and what everybody has of it.
struct Behind {
  explicit Behind(const ClientLimits& limits = {}, const std::string& network = "127.0.0.0/8")
      : clients({world.loop, world.buffers, world.log, limits, [](auto, auto) {}}), common(64) {
    world.settings.trusted_proxies = trusted(network);
  }
  ~Behind() { world.server.reset(); }  // it has of what is declared behind it
  void serve(Route route) {
    world.server.emplace(world.loop, world.workers, world.buffers, world.disk, world.log, world.settings,
                         std::move(route), HttpServer::Shares{&common, &clients});
    auto bound = world.server->listen("127.0.0.1:0");
    REQUIRE(bound);
    world.address = *bound;
  }
  void serve_peers() {
    serve([this](Exchange& x) { return say_peer(world, x); });
  }
  // The body of the answer to a request, on a connection of its own; "" if there is none.
  std::string ask(const std::string& headers, const std::string& before = "") {
    auto client = world.client();
    client.send(before + "GET / HTTP/1.1\r\n" + headers + kHost);
    return body_of(client.receive_reply());
  }
  static std::string body_of(const std::string& reply) {
    const size_t end = reply.find("\r\n\r\n");
    return end == std::string::npos ? "" : reply.substr(end + 4);
  }

  World world;
  Clients clients;
  ConnectionShare common;
};

TEST_CASE("a trusted proxy says who asks, request by request, and nobody else does") {
  Behind behind;
  behind.serve_peers();
  auto client = behind.world.client();
  const auto ask = [&client](const std::string& headers) {
    client.send("GET / HTTP/1.1\r\n" + headers + kHost);
    return Behind::body_of(client.receive_reply());
  };
  CHECK(ask("") == "127.0.0.1 of 127.0.0.1");
  CHECK(ask("X-Forwarded-For: 6.6.6.6, 10.0.0.7\r\n") == "10.0.0.7 told of 10.0.0.7");
  CHECK(ask("X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Proto: https\r\n") ==
        "10.0.0.7 told secure of 10.0.0.7");
  CHECK(ask("Forwarded: for=\"[2001:db8::7]\";proto=https\r\n") ==
        "2001:db8::7 told secure of 2001:db8::7/64");
  CHECK(ask("X-Forwarded-For: unknown\r\n") == "127.0.0.1 of 127.0.0.1");
  CHECK(ask("") == "127.0.0.1 of 127.0.0.1");

  Behind others({}, "10.0.0.0/8");
  others.serve_peers();
  CHECK(others.ask("X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Proto: https\r\n") == "127.0.0.1 of 127.0.0.1");
  CHECK(others.ask("Forwarded: for=10.0.0.7;proto=https\r\n") == "127.0.0.1 of 127.0.0.1");
}

TEST_CASE("a request whose two headers do not name the same client is refused") {
  Behind behind;
  behind.serve_peers();
  auto client = behind.world.client();
  client.send("GET / HTTP/1.1\r\nX-Forwarded-For: 10.0.0.7\r\nForwarded: for=127.0.0.1\r\n" + kHost);
  const auto reply = client.receive_to_end();
  CHECK(reply.starts_with("HTTP/1.1 400 "));
  CHECK(reply.find("X-Forwarded-For and Forwarded") != std::string::npos);
  CHECK(behind.world.server->stats().malformed_total == 1);
  CHECK(behind.ask("X-Forwarded-For: 10.0.0.7\r\nForwarded: for=10.0.0.7\r\n") ==
        "10.0.0.7 told of 10.0.0.7");
}

TEST_CASE("requests wait for the turns of the client that a proxy names, not of the proxy") {
  ClientLimits limits;
  limits.requests_max = 1;
  Behind behind(limits);
  World& world = behind.world;
  behind.serve([&](Exchange& x) -> Task<> {
    Alive alive(world);
    const bool may = x.take_turn();
    if (may && x.request().target == "/wait") co_await wait_to_go_on(world);
    x.reply(may ? 200 : 429, Headers(), x.peer().text);
  });
  const auto ask = [&](const std::string& target, const std::string& of) {
    auto client = std::make_unique<RawClient>(world.loop, world.address);
    client->send("GET " + target + " HTTP/1.1\r\nX-Forwarded-For: " + of + "\r\n" + kHost);
    return client;
  };
  auto slow = ask("/wait", "10.0.0.7");
  world.run_until([&] { return world.alive == 1; });
  CHECK(ask("/", "10.0.0.7")->receive_reply().starts_with("HTTP/1.1 429 "));
  CHECK(ask("/", "10.0.0.8")->receive_reply().starts_with("HTTP/1.1 200 "));
  world.going = true;
  world.go_on.ring();
  CHECK(slow->receive_reply().starts_with("HTTP/1.1 200 "));
  CHECK(ask("/", "10.0.0.7")->receive_reply().starts_with("HTTP/1.1 200 "));
  slow.reset();
  world.run_until_idle();
  world.server.reset();
}

TEST_CASE("a trusted proxy has as many connections as there are, and others as many as one client may") {
  for (const bool is_trusted : {true, false}) {
    ClientLimits limits;
    limits.connections_max = 2;
    Behind behind(limits, is_trusted ? "127.0.0.0/8" : "10.0.0.0/8");
    World& world = behind.world;
    behind.serve([&](Exchange& x) -> Task<> {
      Alive alive(world);
      co_await wait_to_go_on(world);
      x.reply(200, Headers(), "");
    });
    std::vector<std::unique_ptr<RawClient>> many;
    for (int i = 0; i < 8; ++i) {
      many.push_back(std::make_unique<RawClient>(world.loop, world.address));
      many.back()->send(get("/"));
    }
    world.run_until([&] { return world.alive + static_cast<int>(world.server->stats().refused_total) == 8; });
    CHECK(world.alive == (is_trusted ? 8 : 2));
    world.going = true;
    world.go_on.ring();
    many.clear();
    world.run_until_idle();
    world.server.reset();
  }
}

// --- the PROXY protocol

struct Proxied : Behind {
  explicit Proxied(const ClientLimits& limits = {}, const std::string& network = "127.0.0.0/8")
      : Behind(limits, network) {
    world.settings.proxy_protocol = true;
  }
  // The connection is closed without an answer, and why is said once.
  void expect_refused(const std::string& sent, const std::string& why) {
    CAPTURE(sent, why);
    const auto before = world.server->stats().proxied_refused_total;
    auto client = world.client();
    client.send(sent);
    CHECK(client.receive_to_end().empty());
    client.leave();
    world.run_until_idle();
    CHECK(world.server->stats().proxied_refused_total == before + 1);
    CHECK(world.log.contains(why));
  }
};

TEST_CASE("the header of the PROXY protocol says who has connected, in either version") {
  Proxied proxied;
  proxied.serve_peers();
  const std::string binary = binary_header(
      0x21, test::kTcp4, std::string("\x0a\x00\x00\x08\x0a\x00\x00\x01\x12\x34\x01\xbb", 12) + "skipped");
  CHECK(proxied.ask("", text_header("10.0.0.7")) == "10.0.0.7 of 10.0.0.7");
  CHECK(proxied.ask("", binary) == "10.0.0.8 of 10.0.0.8");
  CHECK(proxied.ask("", "PROXY UNKNOWN\r\n") == "127.0.0.1 of 127.0.0.1");
  CHECK(proxied.ask("", binary_header(0x20, 0, "")) == "127.0.0.1 of 127.0.0.1");
  // Whoever has connected is no trusted proxy himself, unless he is.
  CHECK(proxied.ask("X-Forwarded-For: 6.6.6.6\r\n", text_header("10.0.0.7")) == "10.0.0.7 of 10.0.0.7");
  CHECK(proxied.ask("X-Forwarded-For: 10.0.0.9\r\n", text_header("127.0.0.3")) ==
        "10.0.0.9 told of 10.0.0.9");

  auto client = proxied.world.client();
  client.send_byte_by_byte(binary + get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.8 of 10.0.0.8");
  client.send(get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.8 of 10.0.0.8");
  client.leave();
  proxied.world.run_until_idle();
}

TEST_CASE("a connection without a right PROXY header is closed, and why is logged once a minute") {
  Proxied proxied;
  proxied.world.settings.header_timeout_ms = 100;
  proxied.serve_peers();
  proxied.expect_refused(get("/"), "does not begin with a PROXY header");
  proxied.expect_refused("PROXY TCP4 1 2 3 4\r\n" + get("/"), "are malformed");
  proxied.expect_refused(text_header("10.0.0.7").substr(0, 20), "did not come in time");
  proxied.expect_refused("", "did not come in time");
  for (int i = 0; i < 5; ++i) proxied.expect_refused(get("/"), "does not begin with a PROXY header");
  CHECK(proxied.world.log.count("proxy_header_refused") == 3);
  {
    // Somebody who looks whether the port is open.
    auto client = proxied.world.client();
    client.deliver();
    client.leave();
  }
  proxied.world.run_until_idle();
  CHECK(proxied.world.log.count("proxy_header_refused") == 3);

  Proxied elsewhere({}, "10.0.0.0/8");
  elsewhere.serve_peers();
  elsewhere.expect_refused(text_header("10.0.0.7") + get("/"), "none of trusted_proxies");
}

TEST_CASE("TLS comes behind the PROXY header") {
  TlsWorld tls;
  tls.world.settings.trusted_proxies = trusted();
  tls.world.settings.proxy_protocol = true;
  tls.serve([&](Exchange& x) { return say_peer(tls.world, x); });
  TlsClient by(tls.trusting());
  // What it sends before it speaks TLS.
  auto client = RawClient(tls.world.loop, tls.world.address, 0, [speak = by.speech()](int fd) {
    const auto header = text_header("10.0.0.7");
    REQUIRE(::send(fd, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size()));
    return speak(fd);
  });
  client.send(get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.7 secure");
  auto plain = tls.plain_client();
  plain.send(text_header("10.0.0.7") + get("/"));
  CHECK(plain.receive_reply().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a connection counts for whom the PROXY protocol names") {
  ClientLimits limits;
  limits.connections_max = 2;
  Proxied proxied(limits);
  World& world = proxied.world;
  proxied.serve([&](Exchange& x) -> Task<> {
    Alive alive(world);
    co_await wait_to_go_on(world);
    x.reply(200, Headers(), x.peer().text);
  });
  const auto connect = [&](const std::string& of) {
    auto client = std::make_unique<RawClient>(world.loop, world.address);
    client->send(text_header(of) + get("/"));
    return client;
  };
  auto first = connect("10.0.0.7"), second = connect("10.0.0.7");
  world.run_until([&] { return world.alive == 2; });
  CHECK(connect("10.0.0.7")->receive_reply().starts_with("HTTP/1.1 429 "));
  auto other = connect("10.0.0.8");
  world.run_until([&] { return world.alive == 3; });
  world.going = true;
  world.go_on.ring();
  for (auto* client : {&first, &second, &other})
    CHECK((*client)->receive_reply().starts_with("HTTP/1.1 200 "));
  CHECK(proxied.clients.of(peer_at(*IpAddress::parse("10.0.0.7")))->connections().served() == 2);
  first.reset(), second.reset(), other.reset();
  world.run_until_idle();
  CHECK(proxied.common.served() == 0);
  world.server.reset();
}

// --- handed over

std::vector<HandedConnection> release(World& world) {
  HttpServer::ReleaseTimes times;
  times.others = Millis(10'000);
  return test::run(world.loop, world.server->release(times));
}

TEST_CASE("a connection that is handed over keeps the peer that the PROXY protocol has told") {
  Proxied proxied;
  World& world = proxied.world;
  proxied.serve_peers();
  auto client = world.client();
  client.send(text_header("10.0.0.7") + get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.7 of 10.0.0.7");
  auto own = world.client();
  own.send("PROXY UNKNOWN\r\n" + get("/"));
  CHECK(Behind::body_of(own.receive_reply()) == "127.0.0.1 of 127.0.0.1");
  auto handed = release(world);
  REQUIRE(handed.size() == 2);
  proxied.serve_peers();
  for (auto& one : handed) world.server->resume(std::move(one));
  client.send(get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.7 of 10.0.0.7");
  // It is at rest between two requests, and not one that is closed for want of a header.
  client.send(get("/"));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.7 of 10.0.0.7");
  own.send(get("/"));
  CHECK(Behind::body_of(own.receive_reply()) == "127.0.0.1 of 127.0.0.1");
}

TEST_CASE("a connection whose PROXY header comes while its server lets go goes along with its peer") {
  Proxied proxied;
  World& world = proxied.world;
  proxied.serve_peers();
  auto client = world.client();
  client.send("PROXY TCP4 10.0");
  client.deliver();
  world.run_until([&] { return world.server->stats().connections == 1; });
  std::vector<HandedConnection> handed;
  bool has_ended = false;
  Tasks tasks(world.loop);
  tasks.spawn([](World& of, std::vector<HandedConnection>& into, bool& ended) -> Task<> {
    HttpServer::ReleaseTimes times;
    times.others = Millis(10'000);
    into = co_await of.server->release(times);
    ended = true;
  }(world, handed, has_ended));
  client.send(".0.7 10.0.0.1 1 2\r\n" + get("/"));
  world.run_until([&] { return has_ended; });
  REQUIRE(handed.size() == 1);
  CHECK(handed.front().peer == "10.0.0.7");
  proxied.serve_peers();
  world.server->resume(std::move(handed.front()));
  CHECK(Behind::body_of(client.receive_reply()) == "10.0.0.7 of 10.0.0.7");
}

}  // namespace
}  // namespace breakwater::proxy
