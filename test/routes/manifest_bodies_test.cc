// How memory is shared out among the manifests that are being received.
#include "routes/registry/manifest_bodies.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

constexpr size_t kKibi = 1024;
constexpr size_t kMebi = 1024 * kKibi;

// A request whose body comes when the test says.
class Request final : public test::RecordedExchange {
 public:
  Request(proxy::Loop& loop, uint8_t client, std::optional<uint64_t> length)
      : RecordedExchange("PUT", "/"), length_(length), came_(loop) {
    set_peer(10, 0, 0, client);
  }
  void send(size_t bytes) {
    pieces_.push_back(bytes);
    came_.ring();
  }
  void end() { send(0); }
  std::optional<uint64_t> body_length() const override { return length_; }
  proxy::Task<Result<proxy::Piece>> read() override {
    while (pieces_.empty()) co_await came_.wait();
    proxy::Piece piece(pieces_.front());
    pieces_.pop_front();
    std::fill(piece.memory().begin(), piece.memory().end(), 'x');
    co_return piece;
  }
  void close_after() override { closes = true; }
  bool closes = false;

 private:
  std::optional<uint64_t> length_;
  std::deque<size_t> pieces_;
  proxy::Signal came_;
};

struct World {
  proxy::Loop loop;
  ManifestBodySettings settings;
  std::optional<ManifestBodies> bodies;

  struct Push {
    Push(World& world, uint8_t client, std::optional<uint64_t> length)
        : request(world.loop, client, length), task(receive(world, *this)) {
      task.start();
    }
    static proxy::Task<> receive(World& world, Push& push) {
      auto received = co_await world.bodies->receive(push.request);
      push.body.emplace(std::move(received));
    }
    bool is_stored() const { return body && *body; }
    Error::Kind error() const { return body->error().kind; }

    Request request;
    std::optional<Result<ManifestBodies::Body>> body;
    proxy::Task<> task;
  };
  std::unique_ptr<Push> push(uint8_t client, std::optional<uint64_t> length = std::nullopt) {
    if (!bodies) bodies.emplace(loop, settings);
    return std::make_unique<Push>(*this, client, length);
  }
  // As many bytes, in pieces as large as an Exchange gives them.
  std::unique_ptr<Push> sent(uint8_t client, size_t bytes) {
    auto made = push(client);
    send(*made, bytes);
    return made;
  }
  void send(Push& push, size_t bytes) {
    for (; bytes > 0; bytes -= std::min(bytes, 512 * kKibi)) push.request.send(std::min(bytes, 512 * kKibi));
    settle();
  }
  void end(Push& push) {
    push.request.end();
    settle();
  }
  void settle() { test::run_some_turns(loop); }
};

TEST_CASE("a manifest takes memory as its bytes come, and gives it back when it is done with") {
  World world;
  auto claim = world.push(1, 65'536);
  world.settle();
  CHECK(world.bodies->bytes() == 0);
  world.send(*claim, 1);
  CHECK(world.bodies->bytes() == 4 * kKibi);
  world.send(*claim, 5'000);
  CHECK(world.bodies->bytes() == 8 * kKibi);
  world.send(*claim, 60'000);
  CHECK(world.bodies->bytes() == 65'001);
  auto unknown = world.sent(2, 9'000);
  CHECK(world.bodies->bytes() == 65'001 + 9'000);
  unknown.reset();
  world.send(*claim, 535);
  world.end(*claim);
  REQUIRE(claim->is_stored());
  CHECK(*(*claim->body)->bytes() == std::string(65'536, 'x'));
  CHECK(world.bodies->bytes() == 65'536);
  claim.reset();
  CHECK(world.bodies->bytes() == 0);
}

TEST_CASE("a client that has its share waits for itself, and nobody else waits for it") {
  World world;
  auto first = world.sent(1, 4 * kMebi);
  auto second = world.sent(1, 4 * kMebi);
  CHECK(world.bodies->bytes() == 8 * kMebi);
  auto third = world.sent(1, 1);
  CHECK(world.bodies->bytes() == 8 * kMebi);
  auto other = world.sent(2, 4 * kMebi);
  world.end(*other);
  CHECK(other->is_stored());
  world.end(*third);
  CHECK_FALSE(third->body);
  first.reset();
  world.settle();
  CHECK(third->is_stored());
}

TEST_CASE("large manifests from everywhere leave memory to small ones, and the limit is never passed") {
  World world;
  std::vector<std::unique_ptr<World::Push>> large;
  for (uint8_t client = 1; client <= 20; ++client) large.push_back(world.sent(client, 4 * kMebi));
  CHECK(world.bodies->bytes() == 24 * kMebi);
  auto small = world.sent(50, 64 * kKibi);
  world.end(*small);
  CHECK(small->is_stored());
  std::vector<std::unique_ptr<World::Push>> many;
  for (uint8_t client = 100; client < 250; ++client) many.push_back(world.sent(client, 64 * kKibi));
  CHECK(world.bodies->bytes() <= 32 * kMebi);
}

TEST_CASE("who waits for memory is served in the order in which he came") {
  World world;
  std::vector<std::unique_ptr<World::Push>> large;
  for (uint8_t client = 1; client <= 6; ++client) large.push_back(world.sent(client, 4 * kMebi));
  auto first = world.sent(10, 4 * kMebi), second = world.sent(11, 128 * kKibi);
  world.end(*first);
  world.end(*second);
  CHECK_FALSE(first->body);
  CHECK_FALSE(second->body);
  large.pop_back();
  world.settle();
  CHECK(first->is_stored());
  CHECK_FALSE(second->body);
  first.reset();
  world.settle();
  CHECK(second->is_stored());
}

TEST_CASE("manifests that hold a part each and wait for the rest do not wait for each other") {
  World world;
  const bool is_one_client = GENERATE(false, true);
  std::vector<std::unique_ptr<World::Push>> pushes;
  for (uint8_t i = 1; i <= 40; ++i) pushes.push_back(world.sent(is_one_client ? 1 : i, 2 * kMebi));
  for (const auto& push : pushes) world.send(*push, 2 * kMebi);
  for (const auto& push : pushes) world.end(*push);
  for (int rounds = 0; !pushes.empty() && rounds < 100; ++rounds) {
    CHECK(world.bodies->bytes() <= 32 * kMebi);
    const auto failed = std::count_if(pushes.begin(), pushes.end(),
                                      [](const auto& push) { return push->body && !push->is_stored(); });
    CHECK(failed == 0);
    std::erase_if(pushes, [](const auto& push) { return push->is_stored(); });
    world.settle();
  }
  CHECK(pushes.empty());
  CHECK(world.bodies->bytes() == 0);
}

TEST_CASE("who waits for memory too long is told to come again") {
  World world;
  world.settings.wait_ms = 1;
  auto first = world.sent(1, 4 * kMebi), second = world.sent(1, 4 * kMebi);
  auto third = world.sent(1, 1);
  test::run_until(world.loop, [&] { return third->body.has_value(); });
  CHECK(third->error() == Error::Kind::unavailable);
  CHECK(third->body->error().retry_after_s > 0);
  first.reset();
  world.end(*second);
  CHECK(second->is_stored());
}

TEST_CASE("a manifest that is read for too long is ended with its connection") {
  World world;
  world.settings.receive_ms = 0;
  auto push = world.sent(1, 1);
  REQUIRE(push->body);
  CHECK(push->error() == Error::Kind::too_slow);
  CHECK(push->request.closes);
  CHECK(world.bodies->bytes() == 0);
}

TEST_CASE("a manifest that is too long is refused by its length, or where it passes the limit") {
  World world;
  auto claimed = world.push(1, 4 * kMebi + 1);
  REQUIRE(claimed->body);
  CHECK(claimed->error() == Error::Kind::too_large);
  auto sent = world.sent(1, 4 * kMebi + 1);
  REQUIRE(sent->body);
  CHECK(sent->error() == Error::Kind::too_large);
}

}  // namespace
}  // namespace breakwater::routes
