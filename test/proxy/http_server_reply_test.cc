// Replies, and what ends them.
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

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
  const std::string first = client.receive(1 << 20);
  CHECK(world.server->stats().sent_bytes_total >= 1 << 20);
  CHECK(first + client.receive(2 << 20) == bytes_of(3 << 20));
  CHECK(world.server->stats().sent_bytes_total == 3 << 20);
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

// Runs the loop for so long, and at most one timer of a connection in it that is longer.
void pass(World& world, Millis time) {
  const auto end = world.loop.now() + time;
  world.run_until([&] { return world.loop.now() >= end; });
}

TEST_CASE("who takes the end of a reply slowly is waited for, and who takes nothing is left") {
  World world;
  world.settings.lingering_timeout_ms = 20;
  world.serve(by_path(world));
  auto client = world.client(4096);
  client.send("GET /shared HTTP/1.1\r\nConnection: close\r\n" + kHost);
  client.receive_head();
  size_t left = 3 << 20;
  while (world.server->stats().requests_running > 0) left -= client.receive(4096).size();
  const size_t step = left / 40;
  INFO(left);
  REQUIRE(step > 1024);
  for (; left > 2 * step; left -= client.receive(step).size()) {
    pass(world, Millis(5));
    REQUIRE(world.server->stats().connections == 1);
  }
  world.run_until_idle();
  CHECK(client.receive_to_end().size() == left);
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

}  // namespace
}  // namespace breakwater::proxy
