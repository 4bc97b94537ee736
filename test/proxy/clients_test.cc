#include "proxy/clients/clients.h"

#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/fake_log.h"

namespace breakwater::proxy {
namespace {

Peer peer_at(uint8_t last) {
  Peer peer;
  peer.address[10] = peer.address[11] = 0xff;
  peer.address[12] = 10;
  peer.address[15] = last;
  peer.text = "10.0.0." + std::to_string(last);
  return peer;
}

Peer ipv6_peer(uint8_t network, uint8_t host) {
  Peer peer;
  peer.address[0] = 0xfd;
  peer.address[7] = network;
  peer.address[15] = host;
  peer.text = "fd00:0:0:" + std::to_string(network) + "::" + std::to_string(host);
  return peer;
}

struct World {
  explicit World(ClientLimits limits = {})
      : buffers(loop, 1000), clients({loop, buffers, log, limits, [this](auto route, auto share) {
                                        refused.push_back(std::string(route) + " " + std::string(share));
                                      }}) {}
  Loop loop;
  Buffers buffers;
  test::FakeLog log;
  std::vector<std::string> refused;
  Clients clients;
};

TEST_CASE("a client is an address, and of IPv6 a network of 64 bits") {
  World world;
  const auto one = world.clients.of(peer_at(1));
  CHECK(one->address() == "10.0.0.1");
  CHECK(world.clients.of(peer_at(1)) == one);
  CHECK(world.clients.of(peer_at(2)) != one);
  const auto network = world.clients.of(ipv6_peer(1, 1));
  CHECK(world.clients.of(ipv6_peer(1, 2)) == network);
  CHECK(world.clients.of(ipv6_peer(2, 1)) != network);
  CHECK(network->address() == "fd00:0:0:1::1/64");
}

TEST_CASE("a client that has had its questions is told when it has one again") {
  ClientLimits limits;
  limits.questions_per_minute_max = 2;
  World world(limits);
  const auto client = world.clients.of(peer_at(1));
  CHECK(client->has_rested());
  CHECK_FALSE(client->take_question());
  CHECK_FALSE(client->take_question());
  const auto wait_s = client->take_question();
  REQUIRE(wait_s);
  CHECK(*wait_s == 30);
  CHECK_FALSE(client->has_rested());
  CHECK_FALSE(world.clients.of(peer_at(2))->take_question());
}

TEST_CASE("a client that left is known as long as it has questions to get back, and no longer") {
  ClientLimits limits;
  limits.questions_per_minute_max = 2;
  World world(limits);
  CHECK_FALSE(world.clients.of(peer_at(1))->take_question());
  const auto staying = world.clients.of(peer_at(2));
  (void)world.clients.of(peer_at(3));
  CHECK(world.clients.size() == 3);
  for (int i = 0; i < 3; ++i) (void)world.clients.of(peer_at(2));
  CHECK(world.clients.size() == 2);
  CHECK_FALSE(world.clients.of(peer_at(1))->take_question());
  CHECK(world.clients.of(peer_at(1))->take_question());
}

TEST_CASE("what a client holds of the buffers counts among all, and is bounded by its share") {
  ClientLimits limits;
  limits.buffer_bytes_max = 400;
  World world(limits);
  const auto one = world.clients.of(peer_at(1));
  const auto other = world.clients.of(peer_at(2));
  const auto held = one->buffers().try_reserve(400);
  CHECK(world.buffers.units() == 400);
  CHECK(one->buffers().try_reserve(1).units() == 0);
  CHECK(other->buffers().try_reserve(100).units() == 100);
}

TEST_CASE("what is refused to a client is counted each time and logged once a minute") {
  World world;
  const auto client = world.clients.of(peer_at(1));
  for (int i = 0; i < 3; ++i) client->refused("private", "client_uploads");
  client->refused("dockerhub", "client_upstream");
  CHECK(world.refused.size() == 4);
  CHECK(world.refused.front() == "private client_uploads");
  CHECK(world.log.count("client_has_its_share") == 2);
}

// Connections in a share that are not closed but by giving way.
struct Crowd {
  explicit Crowd(size_t connections_max) : share(connections_max) {}
  using Place = ConnectionShare::Place;
  // Whether one more of `client` finds a place.
  bool come(ConnectionShare& client, Place::State state) {
    if (!share.make_place(client.served())) return false;
    const size_t number = in_all.size();
    const auto gone = [this, number] {
      gave_way.push_back(number);
      in_all[number]->leave();
      in_client[number]->leave();
    };
    in_client.push_back(std::make_unique<Place>(client, Place::Kind::served, gone));
    in_all.push_back(std::make_unique<Place>(share, Place::Kind::served, gone, &client));
    in_all.back()->set(state);
    return true;
  }
  ConnectionShare share;
  std::vector<std::unique_ptr<Place>> in_client, in_all;
  std::vector<size_t> gave_way;
};

TEST_CASE("however many want all connections, who has few finds a place") {
  using State = ConnectionShare::Place::State;
  ConnectionShare greedy(1000), other(1000), modest(1000);
  Crowd crowd(12);
  size_t of_greedy = 0;
  while (crowd.come(greedy, State::busy)) ++of_greedy;
  CHECK(of_greedy == 4);  // a third: half of what is free then
  while (crowd.come(other, State::busy)) continue;
  CHECK(other.served() == 3);
  CHECK(crowd.come(modest, State::busy));
  CHECK(crowd.come(modest, State::busy));
  CHECK(crowd.gave_way.empty());
}

TEST_CASE("of those that are idle or awaited one gives way of the client that has most") {
  using State = ConnectionShare::Place::State;
  ConnectionShare greedy(1000), modest(1000), one(1000), two(1000);
  Crowd crowd(5);
  CHECK(crowd.come(modest, State::idle));
  CHECK(crowd.come(greedy, State::awaited));
  CHECK(crowd.come(greedy, State::awaited));
  CHECK(crowd.come(greedy, State::awaited));
  CHECK(crowd.come(one, State::busy));
  CHECK(crowd.come(two, State::busy));
  CHECK(crowd.gave_way == std::vector<size_t>{1});
  CHECK(crowd.come(two, State::busy));
  CHECK(crowd.gave_way == std::vector<size_t>{1, 2});
  // Nobody awaited has more than this one now; the idle one gives way, because this one has few.
  CHECK(crowd.come(two, State::busy));
  CHECK(crowd.gave_way == std::vector<size_t>{1, 2, 0});
  CHECK_FALSE(crowd.come(two, State::busy));
}

TEST_CASE("who is refused is never asked for a place, whatever it waits for") {
  using Place = ConnectionShare::Place;
  bool was_asked = false;
  ConnectionShare share(1);
  const Place served(share, Place::Kind::served, [] {});
  Place refused(share, Place::Kind::refused, [&was_asked] { was_asked = true; });
  for (const auto state : {Place::State::awaited, Place::State::idle}) {
    refused.set(state);
    CHECK_FALSE(share.make_place());
  }
  CHECK_FALSE(was_asked);
}

}  // namespace
}  // namespace breakwater::proxy
