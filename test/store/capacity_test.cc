#include "store/capacity/capacity.h"

#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "store/capacity/disk_bound.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kBlock = 4096;

// Does what the test says, and records that it was asked.
struct FakeEvictor final : Evictor {
  Result<> evict_for(const std::string& route, uint64_t size) override {
    asked.push_back(route + " " + std::to_string(size));
    return evict ? evict() : failure(Error::Kind::full, "nothing can go");
  }
  Result<> judge(const std::string& route, uint64_t size) override {
    judged.push_back(route + " " + std::to_string(size));
    return evict ? Result<>() : failure(Error::Kind::full, "nothing can go");
  }
  std::function<Result<>()> evict;
  std::vector<std::string> asked;
  std::vector<std::string> judged;
};

struct World {
  test::Folder folder;
  test::FaultyDisk disk{folder.path() / "graves"};
  test::FakeClock clock;
  test::FakeLog log;
  Budget budget{10 * kBlock};
  Files files{disk, folder.path() / "data"};
  DiskBound disk_bound{budget, files, disk, folder.path(), clock, log};
  FakeEvictor evictor;
  Capacity capacity{budget, disk_bound, evictor};

  World() { disk.set_space({64ULL << 30, 32ULL << 30}); }
};

TEST_CASE("a bound that is reached is a line of the log, once until it was not reached for a while") {
  World world;
  world.budget.set_bound("dockerhub", 2 * kBlock);
  const auto reserve = [&](const std::string& route, uint64_t size) {
    CHECK_FALSE(world.capacity.reserve(route, size, Capacity::Effort::none));
  };
  for (int again = 0; again < 3; ++again) reserve("dockerhub", 3 * kBlock);
  CHECK(world.log.count("info bound_reached bound=route dockerhub") == 1);
  for (int again = 0; again < 3; ++again) reserve("private", 11 * kBlock);
  CHECK(world.log.count("info bound_reached bound=store") == 1);
  for (int minutes = 0; minutes < 180; minutes += 30) {
    world.clock.advance(std::chrono::minutes(30));
    reserve("private", 11 * kBlock);
  }
  CHECK(world.log.count("bound_reached bound=store") == 1);
  world.clock.advance(std::chrono::hours(1));
  reserve("private", 11 * kBlock);
  CHECK(world.log.count("bound_reached bound=store") == 2);
  CHECK_FALSE(world.log.contains("disk_full"));
  world.disk.set_space({64ULL << 20, 1ULL << 20});
  reserve("private", 5 * kBlock);
  CHECK(world.log.count("warning disk_full") == 1);
}

TEST_CASE("what fits is reserved, and nobody is asked to make room") {
  World world;
  const auto first = world.capacity.reserve("private", 4 * kBlock);
  REQUIRE(first);
  auto second = world.capacity.reserve("private", kBlock);
  REQUIRE(second);
  REQUIRE(world.capacity.grow(*second, 6 * kBlock));
  CHECK(world.budget.whole().reserved == 10 * kBlock);
  CHECK(world.evictor.asked.empty());
}

TEST_CASE("nothing goes for what would not fit into an empty store") {
  World world;
  CHECK(world.capacity.reserve("private", 11 * kBlock).error().kind == Error::Kind::full);
  CHECK(world.evictor.asked.empty());
}

TEST_CASE("who fits goes past the one who makes room") {
  World world;
  world.budget.add_stored("dockerhub", 8 * kBlock);
  std::promise<void> begins, ends;
  world.evictor.evict = [&]() -> Result<> {
    begins.set_value();
    ends.get_future().wait();
    world.budget.release("dockerhub", 8 * kBlock);
    return {};
  };
  auto large = std::async(std::launch::async, [&] { return world.capacity.reserve("private", 6 * kBlock); });
  begins.get_future().wait();
  // The evictor is at work, and stays so until this is done.
  const auto small = world.capacity.reserve("private", 2 * kBlock);
  CHECK(small);
  ends.set_value();
  CHECK(large.get());
  CHECK(world.evictor.asked == std::vector<std::string>{"private " + std::to_string(6 * kBlock)});
}

TEST_CASE("who lacks room waits for the one who makes some, and takes what that leaves") {
  World world;
  world.budget.add_stored("dockerhub", 9 * kBlock);
  std::promise<void> begins, ends;
  world.evictor.evict = [&]() -> Result<> {
    begins.set_value();
    ends.get_future().wait();
    world.budget.release("dockerhub", 9 * kBlock);
    return {};
  };
  auto first = std::async(std::launch::async, [&] { return world.capacity.reserve("private", 4 * kBlock); });
  begins.get_future().wait();
  auto second = std::async(std::launch::async, [&] { return world.capacity.reserve("ghcr", 5 * kBlock); });
  ends.set_value();
  CHECK(first.get());
  CHECK(second.get());
  CHECK(world.evictor.asked.size() == 1);
}

TEST_CASE("room that others take is made again, a few times, and then is worth another try") {
  World world;
  world.budget.add_stored("dockerhub", 10 * kBlock);
  std::vector<Reservation> robbers;
  world.evictor.evict = [&]() -> Result<> {
    world.budget.release("dockerhub", kBlock);
    robbers.push_back(*world.budget.reserve("ghcr", kBlock));
    return {};
  };
  const auto refused = world.capacity.reserve("private", kBlock);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  CHECK(refused.error().retry_after_s == 1);
  CHECK(world.evictor.asked.size() == 4);
}

TEST_CASE("where nothing goes, one try is enough, and its words are the answer") {
  World world;
  world.budget.add_stored("dockerhub", 10 * kBlock);
  const auto refused = world.capacity.reserve("private", kBlock);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "nothing can go");
  CHECK(refused.error().retry_after_s == 0);
  CHECK(world.evictor.asked.size() == 1);
}

TEST_CASE("a claim is judged by what could go, and takes nothing") {
  World world;
  world.budget.add_stored("dockerhub", 8 * kBlock);
  CHECK(world.capacity.has_room("private", 3 * kBlock, kBlock));
  CHECK_FALSE(world.capacity.has_room("private", 4 * kBlock, kBlock));
  CHECK(world.capacity.judge("private", 2 * kBlock, 0));
  CHECK(world.evictor.judged.empty());
  CHECK(world.capacity.judge("private", 3 * kBlock, 0).error().message == "nothing can go");
  world.evictor.evict = []() -> Result<> { return {}; };
  CHECK(world.capacity.judge("private", 5 * kBlock, kBlock));
  CHECK(world.evictor.judged == std::vector<std::string>{"private " + std::to_string(3 * kBlock),
                                                         "private " + std::to_string(4 * kBlock)});
  CHECK(world.evictor.asked.empty());
  CHECK(world.budget.whole().taken() == 8 * kBlock);
}

TEST_CASE("a claim that would not fit into an empty store is refused in the words of the bound") {
  World world;
  const auto refused = world.capacity.judge("private", 11 * kBlock, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("the store is full: ") == 0);
  CHECK(world.evictor.judged.empty());
}

TEST_CASE("the disk is not measured across a deletion: its bytes would count twice") {
  World world;
  world.budget.add_stored("dockerhub", 4 * kBlock);
  world.disk.set_space({64ULL << 30, (16ULL << 20) + kBlock});
  world.disk_bound.measure();
  REQUIRE(world.budget.shortage("private", 2 * kBlock).whole == kBlock);
  {
    const Budget::Deletion deletion(world.budget);
    // The file is gone already, and not yet from its account.
    world.disk.set_space({64ULL << 30, (16ULL << 20) + 5 * kBlock});
    world.disk_bound.measure();
    CHECK(world.budget.shortage("private", 2 * kBlock).whole == kBlock);
    world.budget.release("dockerhub", 4 * kBlock);
  }
  world.disk_bound.measure();
  CHECK(world.budget.shortage("private", 5 * kBlock).whole == 0);
  CHECK(world.budget.shortage("private", 6 * kBlock).whole == kBlock);
}

}  // namespace
}  // namespace breakwater::store
