// Bodies that are refused, break off or come too slowly.
#include <string>
#include <vector>

#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

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

}  // namespace
}  // namespace breakwater::proxy
