// What upstream has shown under the tags of mirrors: what is kept of it, and when it goes.
#include "store/references/tag_histories.h"

#include <stop_token>
#include <string>

#include "store/catalog/catalog.h"
#include "store/upkeep/forgetting.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using test::digest_of;
using test::StoreWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};

TagHistoryRecord seen_at(Time time) { return TagHistoryRecord{{{digest_of("manifest"), time}}}; }

size_t kept(StoreWorld& world, const RepositoryKey& repository, int tags) {
  size_t count = 0;
  for (int i = 0; i < tags; ++i)
    count += world.store->catalog().history(repository, std::to_string(i), Reach::disk)->has_value();
  return count;
}

}  // namespace

TEST_CASE("a history is what was put last, over restarts, and is of one tag of one repository") {
  StoreWorld world;
  REQUIRE(world.open());
  const TagHistoryRecord record{{{digest_of("a"), Time(hours(1))}, {digest_of("b"), Time(hours(2))}}};
  REQUIRE(world.store->tag_histories().put(kAlpine, "3.20", seen_at(Time(hours(1)))));
  REQUIRE(world.store->tag_histories().put(kAlpine, "3.20", record));
  REQUIRE(world.open());
  const auto history = world.store->catalog().history(kAlpine, "3.20", Reach::disk);
  REQUIRE(history);
  REQUIRE(*history);
  CHECK((*history)->sightings == record.sightings);
  CHECK_FALSE(*world.store->catalog().history(kAlpine, "3.2", Reach::disk));
  CHECK_FALSE(*world.store->catalog().history({"dockerhub", "library/alpin"}, "e3.20", Reach::disk));
  REQUIRE(world.store->tag_histories().remove(kAlpine, "3.20"));
  CHECK_FALSE(*world.store->catalog().history(kAlpine, "3.20", Reach::disk));
}

TEST_CASE("of too many histories those go in which nothing new was seen for longest") {
  StoreWorld world;
  REQUIRE(world.open());
  TagHistories histories(world.store->parts().catalog, world.log, 20);
  for (int i = 0; i < 20; ++i) REQUIRE(histories.put(kAlpine, std::to_string(i), seen_at(Time(hours(i)))));
  REQUIRE(histories.trim());
  CHECK(kept(world, kAlpine, 30) == 20);
  for (int i = 0; i < 25; ++i) REQUIRE(histories.put(kAlpine, std::to_string(i), seen_at(Time(hours(i)))));
  REQUIRE(histories.trim());
  CHECK(kept(world, kAlpine, 30) == 18);
  CHECK(kept(world, kAlpine, 7) == 0);
  CHECK(world.log.contains("tag_histories_trimmed removed=7"));
}

TEST_CASE("what an earlier process has left of histories counts for the bound") {
  StoreWorld world;
  REQUIRE(world.open());
  for (int i = 0; i < 25; ++i)
    REQUIRE(world.store->tag_histories().put(kAlpine, std::to_string(i), seen_at(Time(hours(i)))));
  REQUIRE(world.open());
  TagHistories histories(world.store->parts().catalog, world.log, 20);
  REQUIRE(histories.trim());
  CHECK(kept(world, kAlpine, 30) == 18);
}

TEST_CASE("a mirror that is forgotten leaves no history, and others keep theirs") {
  StoreWorld world;
  REQUIRE(world.open());
  for (const char* route : {"dockerhub", "ghcr"})
    REQUIRE(world.store->tag_histories().put({route, "library/alpine"}, "1", seen_at(Time(hours(1)))));
  world.settings.mirror_routes = {"ghcr"};
  REQUIRE(world.open());
  REQUIRE(world.store->forget_route("dockerhub", std::stop_token()));
  CHECK_FALSE(*world.store->catalog().history(kAlpine, "1", Reach::disk));
  CHECK(*world.store->catalog().history({"ghcr", "library/alpine"}, "1", Reach::disk));
}

}  // namespace breakwater::store
