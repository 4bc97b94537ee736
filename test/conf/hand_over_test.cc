#include "conf/hand_over.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "proxy/server/listen_socket.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

using proxy::Descriptor;

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    here = Descriptor(ends[0]);
    there = Descriptor(ends[1]);
  }
  Descriptor here, there;
};

TEST_CASE("what one process hands over is what the next one gets, sockets with it") {
  Inheritance given;
  given.listeners.push_back({*proxy::bind_listener("127.0.0.1:0"), "private", "127.0.0.1:0"});
  const std::string address = proxy::bound_address(given.listeners.front().socket.fd());
  constexpr size_t kConnections = 450;  // more than go in one message
  std::vector<Pair> clients(kConnections);
  for (size_t i = 0; i < kConnections; ++i) {
    proxy::HandedConnection connection;
    connection.socket = std::move(clients[i].there);
    connection.output = std::string("\0\xff", 2);
    connection.input = "GET /" + std::to_string(i);
    if (i % 2 == 1) connection.reply_left = uint64_t{1} << 40;
    connection.between_chunks = connection.closes = connection.ends = i % 3 == 0;
    if (i % 2 == 0) connection.peer = "10.0.0." + std::to_string(i % 256);
    given.connections.push_back({"route", std::move(connection)});
  }
  Pair channel;
  Result<> sent = failure(Error::Kind::internal, "not sent");
  std::thread sender([&] { sent = send(channel.here.fd(), given); });
  auto got = receive(channel.there.fd());
  sender.join();
  REQUIRE(sent);
  REQUIRE(got);
  given = Inheritance();  // the first process has ended

  REQUIRE(got->listeners.size() == 1);
  CHECK(got->listeners.front().route == "private");
  CHECK(got->listeners.front().address == "127.0.0.1:0");
  CHECK(proxy::bound_address(got->listeners.front().socket.fd()) == address);
  REQUIRE(got->connections.size() == kConnections);
  for (size_t i = 0; i < kConnections; ++i) {
    const auto& one = got->connections[i].connection;
    CHECK(got->connections[i].route == "route");
    CHECK(one.output == std::string("\0\xff", 2));
    CHECK(one.input == "GET /" + std::to_string(i));
    CHECK(one.reply_left == (i % 2 == 1 ? std::optional(uint64_t{1} << 40) : std::nullopt));
    CHECK(one.between_chunks == (i % 3 == 0));
    CHECK(one.ends == (i % 3 == 0));
    CHECK(one.peer == (i % 2 == 0 ? "10.0.0." + std::to_string(i % 256) : ""));
    const auto byte = static_cast<char>(i);
    char read = 0;
    REQUIRE(::write(one.socket.fd(), &byte, 1) == 1);
    REQUIRE(::read(clients[i].here.fd(), &read, 1) == 1);
    CHECK(read == byte);
  }
}

TEST_CASE("what one process has packed waits for the next one, also when the first has ended") {
  constexpr size_t kConnections = 3'000;
  std::vector<Pair> clients(2);
  Inheritance given;
  given.systemd_addresses = {"0.0.0.0:5000"};
  for (size_t i = 0; i < kConnections; ++i) {
    proxy::HandedConnection connection;
    connection.socket = clients[i % clients.size()].there.duplicate();
    connection.input = std::to_string(i);
    given.connections.push_back({"route", std::move(connection)});
  }
  auto socket = packed(given);
  REQUIRE(socket);
  given = Inheritance();

  socket->other = Descriptor();
  const auto got = receive(socket->filled.fd());
  REQUIRE(got);
  CHECK(got->systemd_addresses == std::vector<std::string>{"0.0.0.0:5000"});
  REQUIRE(got->connections.size() == kConnections);
  CHECK(got->connections.back().connection.input == std::to_string(kConnections - 1));
  char byte = 'x';
  REQUIRE(::write(got->connections.back().connection.socket.fd(), &byte, 1) == 1);
  CHECK(::read(clients[(kConnections - 1) % clients.size()].here.fd(), &byte, 1) == 1);
  CHECK(receive(socket->filled.fd()).error().kind ==
        Error::Kind::unavailable);  // there is nothing more in it
}

TEST_CASE("a process that ends in the middle of handing over is an error for the next one") {
  Pair channel;
  channel.here = Descriptor();
  CHECK(receive(channel.there.fd()).error().kind == Error::Kind::unavailable);
}

TEST_CASE("where nobody serves there is nothing to take over") {
  const test::Folder folder;
  const auto taken = TakenOver::ask(folder.path());
  REQUIRE(taken);
  CHECK(*taken == nullptr);
  CHECK(!std::filesystem::exists(folder.path() / kTakeOverSocket));
  CHECK(*TakenOver::ask(folder.path() / "none") == nullptr);
}

TEST_CASE("an address of the configuration is found among inherited sockets by what they are bound to") {
  std::vector<InheritedListener> inherited;
  inherited.push_back({*proxy::bind_listener("127.0.0.1:0")});
  inherited.push_back({*proxy::bind_listener("[::1]:0"), "a", "[::1]:0"});
  const auto first = ListenAddress::parse(proxy::bound_address(inherited[0].socket.fd())).value();
  const auto any = ListenAddress::parse("[::1]:0").value();
  CHECK(listener_for(inherited, "whoever", first) == &inherited[0]);
  CHECK(listener_for(inherited, "a", any) == &inherited[1]);
  CHECK(listener_for(inherited, "b", any) == nullptr);
  CHECK(listener_for(inherited, "a", ListenAddress::parse("127.0.0.2:1").value()) == nullptr);
}

}  // namespace
}  // namespace breakwater::conf
