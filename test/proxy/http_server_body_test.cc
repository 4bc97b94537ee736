// The bodies of requests, as a route reads them.
#include <array>
#include <cstdio>
#include <string>

#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

Task<> wait_then_read(World& world, Exchange& x) {
  Alive alive(world);
  co_await wait_to_go_on(world);
  co_await echo(world, x);
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

}  // namespace
}  // namespace breakwater::proxy
