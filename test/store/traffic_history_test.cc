// The past of the routes: what is there later, whatever becomes of the process and of the wall clock.
#include "store/history/traffic_history.h"

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "store/catalog/catalog_history.h"
#include "store/catalog/catalog_keys.h"
#include "store/catalog/store_clock.h"
#include "store/history/heavy_hitters.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using test::StoreWorld;

constexpr int kMinutesOfYears = 20 * 365 * 24 * 60;

struct World : StoreWorld {
  World() { REQUIRE(open()); }
  TrafficHistory& history() { return store->traffic(); }

  // What was counted in the minute that is now, on one route.
  Traffic traffic(uint64_t requests, const std::string& route = "dockerhub") {
    Traffic one;
    one.id = ++ids;
    one.begun = store->clock().now();
    one.routes[route].requests = requests;
    one.routes[route].bytes_sent = requests * 1000;
    const HeavyHitter hitter{route + '\0' + "library/alpine", {requests, 0, 0, 0}, requests, 0};
    one.repositories_by_requests.entries.push_back(hitter);
    one.clients_by_requests.entries.push_back({"10.0.0.7", {requests, 0, 0, 0}, requests, 0});
    return one;
  }
  void count(uint64_t requests, const std::string& route = "dockerhub") {
    REQUIRE(history().add(traffic(requests, route)));
  }

  struct Sum {
    uint64_t requests = 0;
    size_t buckets = 0;
    std::vector<Time> labels;
  };
  Sum sum(TrafficRing ring, Time::duration since = hours(24 * 90), const std::string& route = "dockerhub") {
    Sum sum;
    REQUIRE(history().read(ring, store->clock().now() - since, [&](const auto& of, const auto& record) {
      if (of != route) return;
      sum.requests += record.counts.requests;
      ++sum.buckets;
      sum.labels.push_back(record.at);
    }));
    return sum;
  }
  uint64_t of_day(HeavyKind kind = HeavyKind::repositories) {
    const auto record = history().heaviest(kind, store->clock().now());
    REQUIRE(record);
    uint64_t weight = 0;
    for (const HeavyHitter& entry : record->by_requests.entries) weight += entry.weight;
    return weight;
  }

  uint64_t ids = 0;
};

}  // namespace

TEST_CASE("what is counted is in its minute, its hour and its day, and there after a restart and a crash") {
  World world;
  world.count(3);
  world.count(4);
  world.clock.advance(minutes(1));
  world.count(5);
  const auto check = [&] {
    CHECK(world.sum(TrafficRing::minutes).requests == 12);
    CHECK(world.sum(TrafficRing::minutes).buckets == 2);
    CHECK(world.sum(TrafficRing::hours).requests == 12);
    CHECK(world.sum(TrafficRing::hours).buckets == 1);
    CHECK(world.of_day() == 12);
    CHECK(world.of_day(HeavyKind::clients) == 12);
    CHECK(world.sum(TrafficRing::minutes, minutes(0)).requests == 5);
  };
  check();
  REQUIRE(world.open());
  check();
  world.crash();
  REQUIRE(world.open());
  check();
  world.count(1);
  CHECK(world.sum(TrafficRing::minutes).buckets == 2);
  CHECK(world.sum(TrafficRing::minutes).requests == 13);
}

TEST_CASE("counts are added once, however often they are given, also by the next process") {
  World world;
  const auto traffic = world.traffic(3);
  for (int i = 0; i < 3; ++i) REQUIRE(world.history().add(traffic));
  REQUIRE(world.open());
  REQUIRE(world.history().add(traffic));
  CHECK(world.sum(TrafficRing::minutes).requests == 3);
  CHECK(world.of_day() == 3);
}

TEST_CASE("a change that is refused is added when it is given again, as a whole") {
  World world;
  world.count(1);
  const auto traffic = world.traffic(3);
  world.disk.stop();
  CHECK_FALSE(world.history().add(traffic));
  world.disk.start_again();
  REQUIRE(world.history().add(traffic));
  REQUIRE(world.history().add(traffic));
  CHECK(world.sum(TrafficRing::minutes).requests == 4);
  CHECK(world.sum(TrafficRing::hours).requests == 4);
  CHECK(world.of_day() == 4);
}

TEST_CASE("a wall clock that jumps loses nothing, writes over nothing and counts nothing twice") {
  World world;
  const minutes by(GENERATE(-kMinutesOfYears, -24 * 60, -60, -1, 1, 25 * 60, 91 * 24 * 60, kMinutesOfYears));
  const Time before = world.clock.wall();
  world.count(1);
  world.clock.advance(minutes(1));
  world.count(1);
  world.clock.set_wall_by(by);
  world.count(1);  // still the minute that began before, and bears its label
  world.clock.advance(minutes(1));
  world.count(1);
  REQUIRE(world.open());
  world.count(1);
  world.clock.advance(minutes(1));
  world.clock.set_wall_by(-by);
  world.count(1);
  const auto sum = world.sum(TrafficRing::minutes, minutes(10));
  CHECK(sum.requests == 6);
  CHECK(sum.buckets == 4);
  CHECK(world.sum(TrafficRing::hours, hours(1)).requests == 6);
  CHECK(world.of_day() == 6);
  // What was counted while the clock was right has the right label.
  const auto slack = minutes(1);
  REQUIRE(sum.labels.size() == 4);
  CHECK(sum.labels[0] <= before);
  CHECK(sum.labels[0] + slack > before);
  CHECK(sum.labels[1] == sum.labels[0] + minutes(1));
  CHECK(std::chrono::abs(sum.labels[2] - sum.labels[0] - by) <= minutes(3));
  CHECK(sum.labels[3] == sum.labels[0] + minutes(3));
}

TEST_CASE("a restart of the machine loses nothing and counts nothing twice") {
  World world;
  world.count(1);
  world.clock.advance(hours(2));
  world.count(2);
  world.store.reset();
  world.clock.reboot();
  REQUIRE(world.open());
  world.count(4);
  CHECK(world.sum(TrafficRing::minutes).requests == 7);
  CHECK(world.sum(TrafficRing::minutes).buckets == 3);
  CHECK(world.sum(TrafficRing::hours).requests == 7);
}

TEST_CASE("a ring that has come round has what came last, and no more buckets than its size") {
  World world;
  for (int i = 0; i < 24 * 60 + 30; ++i) {
    world.count(1);
    world.clock.advance(minutes(1));
  }
  CHECK(world.sum(TrafficRing::minutes).buckets == 24 * 60 - 1);  // the minute that is now has nothing yet
  CHECK(world.sum(TrafficRing::hours).requests == 24 * 60 + 30);
  // What nobody writes over any more is old all the same.
  world.clock.advance(hours(23));
  CHECK(world.sum(TrafficRing::minutes).requests < 60);
  world.clock.advance(hours(24 * 90));
  CHECK(world.sum(TrafficRing::hours).buckets == 0);
  CHECK(world.of_day() == 0);
}

TEST_CASE("the past has room for so many routes, and those go that had no requests for longest") {
  World world;
  const size_t routes = TrafficHistory::kRoutesMax + 3;
  for (size_t i = 0; i < routes; ++i) {
    world.count(1, "route" + std::to_string(i));
    world.clock.advance(hours(1));
  }
  world.clock.advance(hours(24));
  world.count(1, "route1");
  std::map<std::string, int> left;
  REQUIRE(world.history().read(TrafficRing::hours, Time(),
                               [&](const auto& route, const auto&) { ++left[route]; }));
  CHECK(left.size() == TrafficHistory::kRoutesMax);
  CHECK(left.contains("route1"));
  CHECK_FALSE(left.contains("route0"));
  CHECK_FALSE(left.contains("route2"));
  CHECK(left.contains("route" + std::to_string(routes - 1)));
}

TEST_CASE("a route that is forgotten has no past, and the others keep theirs") {
  World world;
  world.settings.registry_routes = {"private", "old"};
  REQUIRE(world.open());
  world.count(3, "old");
  world.count(4);
  // It is known by something that it has stored.
  REQUIRE(world.put({"old", "a"}, std::string(100, 'a')));
  world.settings.registry_routes = {"private"};
  REQUIRE(world.open());
  REQUIRE(world.store->forget_route("old", std::stop_token()));
  CHECK(world.sum(TrafficRing::minutes, hours(1), "old").buckets == 0);
  CHECK(world.sum(TrafficRing::hours, hours(1), "old").buckets == 0);
  CHECK(world.of_day() == 4);
  CHECK(world.sum(TrafficRing::hours, hours(1)).requests == 4);
}

TEST_CASE("all of it takes no more than its share of the disk, with the longest names and numbers") {
  TrafficRecord bucket{UINT64_MAX, Time(), {}};
  for (const auto field : TrafficCounts::kFields) bucket.counts.*field = UINT64_MAX;
  const auto key = traffic_key(TrafficRing::minutes, std::string(64, 'r'), 0);
  const size_t buckets = (24 * 60 + 90 * 24) * (TrafficHistory::kRoutesMax + 1);
  HeavyRecord day;
  for (size_t i = 0; i < kHeavyMax; ++i) {
    const uint64_t much = uint64_t{1} << 48;
    day.by_bytes.entries.push_back(
        {std::string(TrafficHistory::kKeyBytesMax, 'k'), {much, much, much, much}, much, much});
  }
  day.by_requests = day.by_bytes;
  const size_t bytes =
      buckets * (key.size() + encode(bucket).size()) + 2 * TrafficHistory::kDays * encode(day).size();
  CHECK(bytes < 28'000'000);
}

}  // namespace breakwater::store
