#include "routes/oci/reply_room.h"

#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/run.h"

namespace breakwater::test {
namespace {

using proxy::Millis;
using proxy::Task;
using routes::Body;
using routes::ReplyRoom;

constexpr uint64_t kMiB = 1 << 20;

struct World {
  proxy::Loop loop;
  proxy::Buffers buffers{loop, 8 * kMiB};
  ReplyRoom room{loop, buffers};

  static Body body(size_t bytes) { return std::make_shared<const std::string>(bytes, 'x'); }
};

Task<> note(ReplyRoom& room, uint64_t bytes, std::vector<uint64_t>& order,
            std::vector<ReplyRoom::Place>& had) {
  auto place = co_await room.reserve(bytes);
  if (!place) co_return;
  order.push_back(bytes);
  had.push_back(*std::move(place));
}

}  // namespace

TEST_CASE("what is short takes no room and never waits") {
  World world;
  auto all = world.buffers.reserve_over_limit(100 * kMiB);
  const auto body = World::body(ReplyRoom::kShortBytes);
  CHECK(*run(world.loop, world.room.hold(body)) == body);
  CHECK(*run(world.loop, world.room.reserve(ReplyRoom::kShortBytes)) == nullptr);
  CHECK(world.room.bytes() == 0);
}

TEST_CASE("a body that many hold is counted once, and until the last of them has let go") {
  World world;
  const auto body = World::body(kMiB);
  auto first = *run(world.loop, world.room.hold(body));
  auto second = *run(world.loop, world.room.hold(body));
  CHECK(first->data() == body->data());
  CHECK(world.buffers.units() == kMiB);
  first.reset();
  CHECK(world.buffers.units() == kMiB);
  second.reset();
  CHECK(world.buffers.units() == 0);
  CHECK(world.room.bytes() == 0);
  CHECK(run(world.loop, world.room.hold(body)));
}

TEST_CASE("a body that was made in its place is counted once") {
  World world;
  auto place = *run(world.loop, world.room.reserve(2 * kMiB));
  CHECK(world.buffers.units() == 2 * kMiB);
  place->shrink(kMiB);
  auto held = *run(world.loop, world.room.hold(World::body(kMiB), std::move(place)));
  CHECK(world.buffers.units() == kMiB);
}

TEST_CASE("replies leave half of the buffers to others, who come in their order") {
  World world;
  auto first = *run(world.loop, world.room.reserve(3 * kMiB));
  std::vector<uint64_t> order;
  std::vector<ReplyRoom::Place> had;
  auto large = note(world.room, 2 * kMiB, order, had);
  auto small = note(world.room, kMiB, order, had);
  large.start();
  small.start();
  run_some_turns(world.loop);
  CHECK(order.empty());  // the small one would fit, and is not before the large one
  CHECK(world.room.try_reserve(kMiB) == nullptr);
  CHECK(world.buffers.try_reserve(5 * kMiB).units() == 5 * kMiB);
  first.reset();
  run_some_turns(world.loop);
  CHECK(order == std::vector<uint64_t>{2 * kMiB, kMiB});
}

TEST_CASE("who waits and leaves makes room for the next") {
  World world;
  auto first = *run(world.loop, world.room.reserve(3 * kMiB));
  std::vector<uint64_t> order;
  std::vector<ReplyRoom::Place> had;
  auto large = std::make_unique<Task<>>(note(world.room, 2 * kMiB, order, had));
  auto small = note(world.room, kMiB, order, had);
  large->start();
  small.start();
  run_some_turns(world.loop);
  large.reset();
  run_some_turns(world.loop);
  CHECK(order == std::vector<uint64_t>{kMiB});
}

TEST_CASE("who finds no room in time is told to come again") {
  World world;
  ReplyRoom room(world.loop, world.buffers, Millis(1));
  auto first = *run(world.loop, room.reserve(4 * kMiB));
  const auto refused = run(world.loop, room.reserve(kMiB));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unavailable);
  CHECK(refused.error().retry_after_s > 0);
  first.reset();
  CHECK(run(world.loop, room.reserve(kMiB)));
}

TEST_CASE("a client that does not take its long replies waits for its share, and takes no room meanwhile") {
  World world;
  FakeLog log;
  proxy::ClientLimits limits;
  limits.buffer_bytes_max = 2 * kMiB;
  proxy::Clients clients({world.loop, world.buffers, log, limits, [](auto, auto) {}});
  const auto greedy = clients.of(proxy::Peer());
  ReplyRoom room(world.loop, world.buffers, Millis(1));
  auto first = *run(world.loop, room.reserve(2 * kMiB, greedy));
  const auto refused = run(world.loop, room.reserve(kMiB, greedy));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::throttled);
  CHECK(refused.error().retry_after_s > 0);
  CHECK(room.bytes() == 2 * kMiB);
  first.reset();
  CHECK(greedy->replies().units() == 0);
  CHECK(run(world.loop, room.reserve(kMiB, greedy)));
}

}  // namespace breakwater::test
