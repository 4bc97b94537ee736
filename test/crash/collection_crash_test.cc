// Collection, and eviction for a registry's room and for a mirror's, cut at every step of the disk, or
// failing once at it: nothing that is alive is lost, and nothing that is dead stays for ever. When all leases
// are over, the files are what is alive and what the accounts say.
#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/broken.h"
#include "store/references/references.h"
#include "store/store.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/crash/crash.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using test::digest_of;
using test::End;
using test::PushedWorld;

constexpr uint64_t kGeneration = 12'288;  // one layer and its manifest, on the disk
constexpr uint64_t kGenerations = 6;      // for which a bounded registry has room
constexpr int kStepsMax = 400;
const RepositoryKey kMirrored{"dockerhub", "library/alpine"};

std::string layer_of(const std::string& name) {
  return name + std::string(kGeneration - 4096 - name.size(), 'x');
}
std::string manifest_of(const std::string& name) { return "manifest of " + name; }

struct CollectionWorld : PushedWorld {
  std::set<std::string> alive;  // contents that must be there whatever happens
  std::set<std::string> loose;  // contents that may be there: a mirror's, and caches that are tagged

  void image(const std::string& name, const std::vector<std::string>& tags) {
    push(manifest_of(name), {upload(layer_of(name))}, tags);
    clock.advance(std::chrono::seconds(1));
  }
  void image_that_lives(const std::string& name, const std::vector<std::string>& tags) {
    image(name, tags);
    alive.insert({layer_of(name), manifest_of(name)});
  }
  bool try_image(const std::string& name, const std::vector<std::string>& tags) {
    if (!try_upload(layer_of(name), app)) return false;
    const auto missing = try_push(manifest_of(name), {digest_of(layer_of(name))}, tags);
    if (!missing || !missing->empty()) return false;
    alive.insert({layer_of(name), manifest_of(name)});
    return true;
  }

  // As PushedWorld::collect(), on a disk that may fail. Whether it came to an end.
  bool try_collect() {
    for (int rounds = 0; rounds < kStepsMax; ++rounds) {
      const auto looked = store->collector().collect(3);
      if (!looked) return false;
      if (*looked == 0) return true;
    }
    return false;
  }
};

// A kind of removal that is under way when the disk fails.
struct Removal {
  std::function<void(CollectionWorld&)> prepare;
  std::function<bool(CollectionWorld&)> run;
};

void check_alive(CollectionWorld& world) {
  for (const std::string& content : world.alive) {
    INFO(content.substr(0, 40));
    CHECK(world.holds(content));
  }
  CHECK(world.store->broken().size() == 0);
}

// Every manifest that the registry has is whole.
void check_manifests_are_whole(CollectionWorld& world) {
  for (const Digest& digest : test::stored_digests(*world.store)) {
    const auto parents = world.store->catalog().by_digest().parents(digest);
    REQUIRE(parents);
    for (const Parent& parent : *parents) {
      if (parent.repository == world.app) CHECK(world.has_manifest(parent.parent));
    }
  }
  const auto tags = world.store->catalog().tags(world.app, "", SIZE_MAX);
  REQUIRE(tags);
  for (const NamedTag& tag : *tags) {
    INFO(tag.tag);
    CHECK(world.store->manifests().bytes(world.app, tag.record.digest));
  }
}

// Time passes, and collection comes to its end.
void settle(CollectionWorld& world) {
  for (int rounds = 0; rounds < 4; ++rounds) {
    world.pass(std::chrono::hours(2));
    world.collect();
  }
}

void check_settled(CollectionWorld& world) {
  check_alive(world);
  test::check_all_is_whole(world);
  std::set<Digest> expected, found;
  for (const std::string& content : world.alive) expected.insert(digest_of(content));
  for (const Digest& digest : test::stored_digests(*world.store)) found.insert(digest);
  for (const std::string& content : world.loose) {
    if (found.contains(digest_of(content))) expected.insert(digest_of(content));
  }
  CHECK(found == expected);
  CHECK(world.files_in("trash") == 0);
  CHECK(world.store->catalog().queues().reviews(Time::max(), 10)->empty());
}

// False when the removal has fewer steps than that.
bool cut_once(uint64_t step, End end, const Removal& removal) {
  INFO("cut at step " << step << ", end " << static_cast<int>(end));
  CollectionWorld world;
  removal.prepare(world);
  const uint64_t before = world.disk.changing_operations();
  world.disk.cut_at_change(step);
  (void)removal.run(world);
  const bool was_cut = world.disk.changing_operations() - before >= step;
  test::die(world, end);

  REQUIRE(world.open());
  check_alive(world);
  check_manifests_are_whole(world);
  test::check_all_is_whole(world);
  CHECK(world.files_in("trash") == 0);
  settle(world);
  REQUIRE(removal.run(world));
  settle(world);
  check_settled(world);
  return was_cut;
}

// The same process goes on.
bool fail_once(uint64_t step, const Removal& removal) {
  INFO("failed at step " << step);
  CollectionWorld world;
  removal.prepare(world);
  const uint64_t before = world.disk.operations();
  world.disk.fail_at(step);
  (void)removal.run(world);
  const bool was_failed = world.disk.operations() - before >= step;
  world.disk.heal();
  check_alive(world);
  check_manifests_are_whole(world);
  settle(world);
  REQUIRE(removal.run(world));
  settle(world);
  check_settled(world);
  return was_failed;
}

void fail_everywhere(const Removal& removal, uint64_t steps_min) {
  test::cut_each_step(steps_min, kStepsMax,
                      [&](uint64_t step, End end) { return cut_once(step, end, removal); });
  uint64_t step = 1;
  while (step < kStepsMax && fail_once(step, removal)) ++step;
  CHECK(step > steps_min);
  CHECK(step < kStepsMax);
}

// An overwritten image that shares a layer with one that lives, an index that was deleted with a child and a
// referrer, an upload that nobody needed, and a layer of which one of two repositories has no more use.
void leave_dead_things(CollectionWorld& world) {
  world.image_that_lives("shared", {"latest"});
  const Digest shared = digest_of(layer_of("shared"));
  world.push("old image", {shared, world.upload("old layer")}, {"moving"});
  world.push("new image", {shared, world.upload("new layer")}, {"moving"});
  world.alive.insert({"new image", "new layer"});
  const Digest child = world.push("child of the dead", {world.upload("dead child's layer"), shared}, {});
  const Digest index = world.push("dead index", {child}, {"v1"});
  world.push_referrer("signature of the dead", index);
  REQUIRE(world.store->references().delete_manifest(world.app, index));
  world.upload("nobody came for it");
  world.upload(layer_of("shared"), world.other);
  world.pass(std::chrono::hours(2));
}

TEST_CASE("a collection is cut at every step, and nothing alive is lost, nothing dead stays") {
  Removal removal;
  removal.prepare = leave_dead_things;
  removal.run = [](CollectionWorld& world) { return world.try_collect(); };
  fail_everywhere(removal, 10);
}

TEST_CASE("an eviction for a registry's room is cut at every step, and only dead things and old caches go") {
  Removal removal;
  removal.prepare = [](CollectionWorld& world) {
    world.settings.route_bytes_max["private"] = kGenerations * kGeneration;
    RetentionPolicy policy;
    policy.protect = {"*-main"};
    world.settings.retention["private"] = {policy};
    REQUIRE(world.open());
    world.pass(std::chrono::hours(2));
    world.image_that_lives("image", {"v1"});
    for (const char* name : {"old", "newer"}) {
      world.image(name, {std::string("buildcache-") + name});
      world.loose.insert({layer_of(name), manifest_of(name)});
    }
    world.image("overwritten cache", {"buildcache-main"});
    world.image_that_lives("cache", {"buildcache-main"});
    world.pass(std::chrono::hours(2));
  };
  removal.run = [](CollectionWorld& world) {
    const bool done = world.try_image("next", {"v2"}) && world.try_image("last", {"v3"});
    CHECK(world.store->budget().of("private").taken() <= kGenerations * kGeneration);
    return done;
  };
  fail_everywhere(removal, 20);
}

TEST_CASE(
    "an eviction for a mirror's room is cut at every step, and the registry keeps what it shares with it") {
  Removal removal;
  removal.prepare = [](CollectionWorld& world) {
    world.settings.route_bytes_max["dockerhub"] = 2 * kGeneration;
    REQUIRE(world.open());
    world.pass(std::chrono::hours(2));
    REQUIRE(world.put(kMirrored, layer_of("shared"), Durability::synced));
    world.image_that_lives("shared", {"latest"});
    for (const char* name : {"one", "two", "three", "four", "five"})
      world.loose.insert({layer_of(name), manifest_of(name)});
    world.loose.insert("mirrored manifest");
    for (const char* name : {"one", "two"}) {
      REQUIRE(world.put(kMirrored, layer_of(name), Durability::synced));
      world.clock.advance(std::chrono::seconds(1));
    }
    const std::string text = "mirrored manifest";
    REQUIRE(world.store->manifests().put(kMirrored, digest_of(text), text,
                                         world.content_of(text, {digest_of(layer_of("one"))}), "3",
                                         Durability::synced));
    world.pass(std::chrono::hours(2));
  };
  removal.run = [](CollectionWorld& world) {
    for (const char* name : {"three", "four", "five"}) {
      if (!world.put(kMirrored, layer_of(name))) return false;
    }
    return true;
  };
  fail_everywhere(removal, 10);
}

}  // namespace
}  // namespace breakwater::store
