// Requests and the connections that they come by.
#include <string>
#include <vector>

#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

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

}  // namespace
}  // namespace breakwater::proxy
