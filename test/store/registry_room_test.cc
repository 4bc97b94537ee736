// Who goes when a registry needs room, and who never does.
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

#include "store/blobs/blobs.h"
#include "store/blobs/partials.h"
#include "store/capacity/capacity.h"
#include "store/references/leases.h"
#include "store/references/references.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::digest_of;
using test::PushedWorld;

constexpr uint64_t kGeneration = 40'960;  // one layer and its manifest, on the disk

// Room for `generations`, of which each is pushed in one second.
struct BoundedWorld : PushedWorld {
  int pushed = 0;

  explicit BoundedWorld(uint64_t generations, std::vector<RetentionPolicy> policies = {}) {
    settings.route_bytes_max["private"] = generations * kGeneration;
    settings.retention["private"] = std::move(policies);
    REQUIRE(open());
    clock.advance(settings.lease);
  }
  static std::string layer_of(const std::string& generation) {
    return generation + std::string(kGeneration - 4096 - generation.size(), 'x');
  }

  // An upload and the manifest that needs it, as an exporter does.
  Result<> try_generation(const std::string& name, const std::string& tag) {
    auto layer = try_upload(layer_of(name), app);
    if (!layer) return failure(layer.error());
    const std::string text = "manifest of " + name;
    auto missing = try_push(text, {layer->digest}, {tag});
    if (!missing) return failure(missing.error());
    REQUIRE(missing->empty());
    clock.advance(seconds(1));
    return {};
  }
  void generation(const std::string& name, const std::string& tag) { REQUIRE(try_generation(name, tag)); }
  bool is_whole(const std::string& name) {
    return is_stored(digest_of(layer_of(name))) && is_stored(digest_of("manifest of " + name));
  }
  // The first half of an upload whose client went away.
  void leave_upload() {
    auto partial = store->partials().receive("private", "upload-left", Algorithm::sha256);
    REQUIRE(partial);
    const std::string begun(kGeneration - 8192, 'u');
    REQUIRE(store->capacity().grow(partial->reservation, begun.size()));
    REQUIRE(partial->writer->append(begun));
  }
  bool has_upload_left() { return std::filesystem::exists(settings.data / "incoming" / "upload-left"); }
  uint64_t taken() { return store->budget().of("private").taken(); }
};

}  // namespace

TEST_CASE(
    "one cache tag that is overwritten for ever stays within the bound, and its newest generation is always "
    "whole") {
  BoundedWorld world(5);
  for (int i = 0; i < 60; ++i) {
    const std::string name = "generation " + std::to_string(i);
    world.generation(name, "buildcache");
    REQUIRE(world.is_whole(name));
    REQUIRE(world.taken() <= 5 * kGeneration);
    REQUIRE(world.bytes_on_disk() <= 5 * kGeneration);
  }
}

TEST_CASE("right after a crash an overwritten generation makes room, unless it was there before") {
  BoundedWorld world(3);
  world.generation("before", "buildcache");
  world.crash();
  REQUIRE(world.open());
  for (const char* name : {"first", "second", "third", "fourth"}) world.generation(name, "buildcache");
  CHECK(world.is_whole("before"));
  CHECK_FALSE(world.is_whole("first"));
  CHECK(world.is_whole("fourth"));
}

TEST_CASE("right after a clean stop any overwritten generation makes room") {
  BoundedWorld world(3);
  world.generation("before", "buildcache");
  REQUIRE(world.open());
  for (const char* name : {"first", "second", "third"}) world.generation(name, "buildcache");
  CHECK_FALSE(world.is_whole("before"));
  CHECK(world.is_whole("third"));
}

TEST_CASE(
    "an overwritten generation goes before a cache that is still tagged, and that before any other tag") {
  BoundedWorld world(4);
  world.generation("image", "v1");
  world.generation("cache a", "buildcache-a");
  world.generation("cache b, old", "buildcache-b");
  world.generation("cache b", "buildcache-b");
  world.generation("next", "v2");
  CHECK_FALSE(world.is_whole("cache b, old"));
  CHECK(world.is_whole("cache a"));
  world.generation("one more", "v3");
  CHECK_FALSE(world.has_tag("buildcache-a"));
  CHECK(world.is_whole("cache b"));
  world.generation("and one", "v4");
  CHECK_FALSE(world.has_tag("buildcache-b"));
  for (const char* tag : {"v1", "v2", "v3", "v4"}) CHECK(world.has_tag(tag));

  const auto refused = world.try_generation("too much", "v5");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  for (const char* tag : {"v1", "v2", "v3", "v4"}) CHECK(world.has_tag(tag));
}

TEST_CASE("a cache that was just imported keeps its layers, and a push is refused rather") {
  BoundedWorld world(2);
  world.generation("imported", "buildcache");
  REQUIRE(world.store->references().lease_tag(world.app, "buildcache", Reach::disk));
  world.generation("next", "buildcache");
  REQUIRE(world.store->references().lease_tag(world.app, "buildcache", Reach::disk));
  const auto refused = world.try_generation("third", "buildcache");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  CHECK(refused.error().message.find("private") != std::string::npos);
  CHECK(world.is_whole("imported"));
  CHECK(world.is_whole("next"));
  world.pass(hours(1));
  world.generation("third", "buildcache");
  CHECK_FALSE(world.is_whole("imported"));
}

TEST_CASE("what only a probe keeps is worth waiting for, and the cache that is tagged stays meanwhile") {
  BoundedWorld world(2);
  world.generation("first", "buildcache");
  REQUIRE(world.store->references().lease_tag(world.app, "buildcache", Reach::disk, Leases::Kind::probe));
  world.generation("second", "buildcache");
  const auto refused = world.try_generation("third", "buildcache");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  CHECK(refused.error().retry_after_s > 0);
  CHECK(world.has_tag("buildcache"));
  world.pass(seconds(refused.error().retry_after_s));
  world.generation("third", "buildcache");
  CHECK(world.is_whole("third"));
}

TEST_CASE("an upload that broke off keeps its bytes for a lease, and gives way before a cache does") {
  BoundedWorld world(2);
  world.generation("cache", "buildcache");
  world.leave_upload();
  REQUIRE(world.store->references().lease_tag(world.app, "buildcache", Reach::disk));
  CHECK_FALSE(world.try_generation("next", "v1"));
  CHECK(world.files_in("incoming") == 1);
  world.pass(hours(1));
  world.generation("next", "v1");
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.is_whole("cache"));
}

TEST_CASE("a protected cache tag never goes") {
  RetentionPolicy policy;
  policy.protect = {"buildcache-main"};
  BoundedWorld world(2, {policy});
  world.generation("main", "buildcache-main");
  world.generation("other", "buildcache-other");
  world.generation("third", "v1");
  CHECK(world.has_tag("buildcache-main"));
  CHECK_FALSE(world.try_generation("fourth", "v2"));
  CHECK(world.is_whole("main"));
}

TEST_CASE("what can never fit is refused, and nothing goes for it") {
  RetentionPolicy policy;
  policy.untagged_after = hours(24);
  BoundedWorld world(5, {policy});
  world.generation("untagged", "buildcache");
  world.generation("cache", "buildcache");

  SECTION("at once") {
    world.leave_upload();
    world.pass(hours(2));
    const auto refused = world.try_upload(std::string(6 * kGeneration, 'x'), world.app);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::full);
    CHECK(refused.error().message.find("route private is full: ") == 0);
    CHECK(refused.error().remedy == "raise bytes_max of the route or delete tags");
    CHECK_FALSE(world.store->capacity().reserve("private", 5 * kGeneration + 1));
  }
  SECTION("with what is there of it already") {
    world.leave_upload();
    world.pass(hours(2));
    auto partial = world.store->partials().receive("private", "upload-big", Algorithm::sha256);
    REQUIRE(partial);
    REQUIRE(world.store->capacity().grow(partial->reservation, kGeneration));
    CHECK(world.store->capacity().grow(partial->reservation, 5 * kGeneration + 1).error().kind ==
          Error::Kind::full);
  }
  SECTION("into the whole store, beside the catalog") {
    world.settings.route_bytes_max.clear();
    world.settings.bytes_max = world.store->budget().overhead() + (8ULL << 20);
    REQUIRE(world.open());
    world.leave_upload();
    world.pass(hours(2));
    CHECK(world.store->capacity().reserve("private", 8ULL << 20).error().kind == Error::Kind::full);
    CHECK(world.store->capacity().reserve("dockerhub", 8ULL << 20).error().kind == Error::Kind::full);
  }
  CHECK(world.is_whole("untagged"));
  CHECK(world.is_whole("cache"));
  CHECK(world.has_upload_left());
}

TEST_CASE(
    "a claim that only what is kept is in the way of is refused at once, and nothing goes for one that may "
    "fit") {
  BoundedWorld world(3);
  const auto judge = [&](uint64_t generations) {
    return world.store->capacity().judge("private", generations * kGeneration, 0);
  };
  world.generation("untagged", "v1");
  world.generation("kept", "v2");
  CHECK(judge(1));
  world.pass(hours(2));
  world.collect();
  const auto refused = judge(2);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  uint64_t claimed = 1;

  SECTION("dead content") {
    REQUIRE(world.store->references().delete_tag(world.app, "v1"));
    claimed = 2;
  }
  SECTION("a cache") {
    world.generation("cache", "buildcache");
    world.pass(hours(2));
  }
  SECTION("an upload that broke off") {
    world.leave_upload();
    CHECK_FALSE(judge(1));
    world.pass(hours(2));
  }
  const uint64_t taken = world.taken();
  CHECK(judge(claimed));
  CHECK(world.taken() == taken);
  CHECK(world.is_whole("untagged"));
  CHECK(world.store->capacity().reserve("private", claimed * kGeneration));
}

TEST_CASE("a claim beyond the whole store is judged by what mirrors have, which stays") {
  BoundedWorld world(8);
  world.settings.bytes_max = world.store->budget().overhead() + (8ULL << 20);
  world.settings.route_bytes_max.clear();
  REQUIRE(world.open());
  const std::string mirrored(6U << 20, 'm');
  REQUIRE(world.put({"dockerhub", "library/alpine"}, mirrored));
  CHECK(world.store->capacity().judge("private", 3U << 20, 0));
  CHECK(world.store->capacity().judge("private", 9U << 20, 0).error().kind == Error::Kind::full);
  CHECK(world.is_stored(digest_of(mirrored)));
}

TEST_CASE("a mirror's room is no reason to collect what a registry's clients left before its time") {
  BoundedWorld world(8);
  world.settings.route_bytes_max["dockerhub"] = 2 * kGeneration;
  REQUIRE(world.open());
  world.pass(hours(1));
  world.generation("old", "buildcache");
  world.generation("new", "buildcache");
  for (int i = 0; i < 5; ++i)
    REQUIRE(world.put({"dockerhub", "library/alpine"}, std::string(kGeneration, static_cast<char>('a' + i))));
  CHECK(world.is_whole("old"));
}

TEST_CASE(
    "a mirror at its own bound gives up its own, and nothing dead of a registry as long as that is room "
    "enough in the whole store") {
  RetentionPolicy policy;
  policy.untagged_after = hours(24);
  BoundedWorld world(8, {policy});
  world.settings.bytes_max = world.store->budget().overhead() + (8ULL << 20);
  world.settings.route_bytes_max["dockerhub"] = 6ULL << 20;
  REQUIRE(world.open());
  world.pass(hours(1));
  world.generation("untagged", "buildcache");
  world.generation("cache", "buildcache");
  world.pass(hours(2));
  const std::string mirrored(6U << 20, 'm'), next(3U << 20, 'n');
  REQUIRE(world.put({"dockerhub", "library/alpine"}, mirrored));
  REQUIRE(world.put({"dockerhub", "library/alpine"}, next));
  CHECK_FALSE(world.is_stored(digest_of(mirrored)));
  CHECK(world.is_stored(digest_of(next)));
  CHECK(world.is_whole("untagged"));
}

TEST_CASE("where a mirror has no room of its own to make, nothing dead of a registry goes for it") {
  RetentionPolicy policy;
  policy.untagged_after = hours(24);
  BoundedWorld world(100, {policy});
  world.settings.bytes_max = world.store->budget().overhead() + (4ULL << 20);
  world.settings.route_bytes_max["dockerhub"] = 3ULL << 20;
  REQUIRE(world.open());
  world.pass(hours(1));
  world.generation("untagged", "buildcache");
  world.generation("cache", "buildcache");
  world.pass(hours(2));
  const std::string mirrored(3U << 20, 'm');
  REQUIRE(world.put({"dockerhub", "library/alpine"}, mirrored));
  const auto reading = world.store->blobs().open(digest_of(mirrored));
  CHECK(world.store->capacity().reserve("dockerhub", 2ULL << 20).error().kind == Error::Kind::full);
  CHECK(world.is_whole("untagged"));
}

TEST_CASE("a push that the whole store has no room for takes what mirrors can fetch again") {
  BoundedWorld world(8);
  world.settings.bytes_max = world.store->budget().overhead() + (8ULL << 20);
  REQUIRE(world.open());
  world.pass(hours(1));
  const std::string mirrored(6U << 20, 'm');
  REQUIRE(world.put({"dockerhub", "library/alpine"}, mirrored));
  world.settings.route_bytes_max.clear();
  REQUIRE(world.open());
  REQUIRE(world.try_upload(std::string(3U << 20, 'p'), world.app));
  CHECK_FALSE(world.is_stored(digest_of(mirrored)));
}

TEST_CASE("where what is collected frees nothing on the disk, the caches are not emptied for it") {
  BoundedWorld world(20);
  for (int i = 0; i < 10; ++i)
    world.generation("cache " + std::to_string(i), "buildcache-" + std::to_string(i));
  world.pass(hours(2));
  REQUIRE(world.store->backup().back_up(world.folder.path() / "backup", std::stop_token()));
  world.disk.set_space({64ULL << 30, 16ULL << 20});
  for (int i = 0; i < 10; ++i) {
    CHECK(world.store->capacity().reserve("private", 8 * kGeneration).error().kind == Error::Kind::full);
    world.pass(seconds(30));
  }
  int left = 0;
  for (int i = 0; i < 10; ++i) left += world.has_tag("buildcache-" + std::to_string(i));
  CHECK(left >= 6);
  CHECK(world.log.count("eviction_frees_nothing") == 1);
}

TEST_CASE("a tag that is pushed again while retention is at its repository stays") {
  RetentionPolicy policy;
  policy.keep_last = 0;
  BoundedWorld world(8, {policy});
  world.generation("one", "v1");
  world.generation("two", "v2");
  world.generation("three", "v3");
  // v3 goes first, being the newest; v1 is pushed again behind that.
  world.log.at_next("tag_expired", [&] { world.generation("one, anew", "v1"); });
  CHECK(*world.store->collector().apply_retention() == 2);
  CHECK(world.has_tag("v1"));
  CHECK_FALSE(world.has_tag("v2"));
}

TEST_CASE("a cache that is pushed again while room is made stays") {
  BoundedWorld world(2);
  world.generation("a", "buildcache-a");
  world.generation("b", "buildcache-b");
  world.pass(seconds(10));
  world.log.at_next("cache_tag_evicted", [&] {
    REQUIRE(world.try_push("manifest of b", {digest_of(world.layer_of("b"))}, {"buildcache-b"}));
  });
  (void)world.try_upload(std::string(2 * kGeneration - 8192, 'x'), world.app);
  CHECK_FALSE(world.has_tag("buildcache-a"));
  CHECK(world.has_tag("buildcache-b"));
}

TEST_CASE("who finds no room while a backup holds the trash is told to try again") {
  BoundedWorld world(2);
  world.generation("a", "buildcache-a");
  world.generation("b", "buildcache-b");
  world.pass(seconds(10));
  world.log.at_next("cache_tag_evicted", [&] {
    REQUIRE(world.store->backup().back_up(world.folder.path() / "backup", std::stop_token()));
    REQUIRE(world.try_push("manifest of b", {digest_of(world.layer_of("b"))}, {"buildcache-b"}));
  });
  const auto refused = world.try_upload(std::string(2 * kGeneration - 8192, 'x'), world.app);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  CHECK(refused.error().retry_after_s == 1);
}

TEST_CASE(
    "retention removes what its policy says, and what the tags named goes after the time for untagged ones") {
  RetentionPolicy policy;
  policy.keep_last = 1;
  policy.untagged_after = minutes(10);
  BoundedWorld world(8, {policy});
  world.generation("one", "v1");
  world.generation("two", "v2");
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK_FALSE(world.has_tag("v1"));
  CHECK(world.has_tag("v2"));
  world.pass(minutes(9));
  world.collect();
  CHECK(world.is_whole("one"));
  world.pass(minutes(1));
  world.collect();
  CHECK_FALSE(world.is_stored(digest_of("manifest of one")));
  CHECK(world.is_whole("two"));
}

// How many records of the catalog a push reads that is refused for lack of room.
uint64_t records_of_refused_push(BoundedWorld& world) {
  rocksdb::SetPerfLevel(rocksdb::kEnableCount);
  rocksdb::PerfContext& read = *rocksdb::get_perf_context();
  read.Reset();
  const auto refused = world.store->capacity().reserve("private", 2 * kGeneration);
  rocksdb::SetPerfLevel(rocksdb::kDisable);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  return read.next_on_memtable_count + read.seek_on_memtable_count;
}

TEST_CASE("a full registry that refuses one push after the other looks through its tags only once") {
  RetentionPolicy policy;
  policy.protect = {"v*"};
  BoundedWorld world(20, {policy});
  for (int i = 0; i < 20; ++i) world.generation("image " + std::to_string(i), "v" + std::to_string(i));
  world.pass(hours(2));
  world.collect();
  const uint64_t first = records_of_refused_push(world);
  CHECK(first >= 20);
  for (int i = 0; i < 3; ++i) CHECK(records_of_refused_push(world) <= 2);
  // Pulls change nothing.
  CHECK(world.has_blob(digest_of(BoundedWorld::layer_of("image 3"))));
  CHECK(records_of_refused_push(world) <= 4);
  // What could make room does.
  REQUIRE(world.store->references().delete_tag(world.app, "v7"));
  REQUIRE(world.store->capacity().reserve("private", kGeneration));
  CHECK_FALSE(world.is_whole("image 7"));
}

TEST_CASE("a refusal that a lease causes is looked at again when that ends") {
  BoundedWorld world(4);
  for (const char* name : {"a", "b", "c", "d"}) {
    const std::string tag = std::string("cache-") + name;
    world.generation(name, tag);
    REQUIRE(world.store->references().lease_tag(world.app, tag, Reach::disk));
  }
  CHECK_FALSE(world.store->capacity().reserve("private", kGeneration));
  CHECK_FALSE(world.store->capacity().reserve("private", kGeneration));
  world.pass(world.settings.lease);
  CHECK(world.store->capacity().reserve("private", kGeneration));
}

TEST_CASE("what was deleted makes room once nobody has read it for a minute, though it is leased") {
  BoundedWorld world(2);
  world.generation("first", "v1");
  world.generation("second", "v2");
  REQUIRE(world.store->references().lease_tag(world.app, "v1", Reach::disk));
  REQUIRE(world.store->references().delete_manifest(world.app, digest_of("manifest of first")));
  world.collect();
  const auto refused = world.try_generation("third", "v3");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
  CHECK(world.is_stored(digest_of(BoundedWorld::layer_of("first"))));
  world.pass(minutes(1));
  world.generation("third", "v3");
  CHECK_FALSE(world.is_stored(digest_of(BoundedWorld::layer_of("first"))));
  CHECK(world.is_whole("second"));
}

TEST_CASE("an upload that was refused goes before anything else, of whatever route, after a start too") {
  const bool is_of_mirror = GENERATE(false, true);
  BoundedWorld world(2);
  world.settings.registry_routes = {"private", "other"};
  REQUIRE(world.open());
  world.generation("cache", "buildcache");
  const auto refuse = [&](const std::string& route, const std::string& id) {
    REQUIRE(world.store->partials().put_upload(id, {route, "app", Algorithm::sha256, {}}));
    auto partial = world.store->partials().receive(route, id, Algorithm::sha256);
    const std::string begun(kGeneration - 8192, 'u');
    REQUIRE(world.store->capacity().grow(partial->reservation, begun.size()));
    REQUIRE(partial->writer->append(begun));
    world.store->partials().end(*std::move(partial), Partials::End::abandoned);
  };
  refuse("private", "upload-own");
  refuse("other", "upload-other");
  REQUIRE(world.open());
  world.generation("next", "v1");
  CHECK(world.has_tag("buildcache"));
  CHECK(world.files_in("incoming") == 1);  // the other's: it is not in the way

  // Whoever lacks room in the whole store takes the other's too.
  const uint64_t taken = world.store->budget().whole().taken();
  world.settings.route_bytes_max.clear();
  world.settings.bytes_max = 64ULL << 20;
  REQUIRE(world.open());
  const uint64_t all = world.settings.bytes_max / 16 * 15 - world.store->budget().overhead();
  const auto room = world.store->capacity().reserve(is_of_mirror ? "dockerhub" : "private",
                                                    (all - taken + 8192) / 4096 * 4096);
  CHECK(room);
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.has_tag("buildcache"));
}

TEST_CASE("what another thread is just deleting makes room, for a claim too") {
  const bool is_claim = GENERATE(false, true);
  BoundedWorld world(2);
  world.leave_upload();
  std::atomic<bool> is_deleting = false;
  std::atomic<bool> may_go_on = false;
  // The catalog removes files of its own, on a thread of its own.
  world.disk.watch_by([&](test::FaultyDisk::Operation operation, const std::filesystem::path& path) {
    if (operation != test::FaultyDisk::Operation::remove || path.filename() != "upload-left") return;
    is_deleting = true;
    while (!may_go_on) std::this_thread::yield();
  });
  Result<> deleted;
  std::thread deletes([&] { deleted = world.store->partials().delete_partial("upload-left"); });
  while (!is_deleting) std::this_thread::yield();
  std::atomic<bool> has_answer = false;
  Result<> answer;
  std::thread asks([&] {
    if (is_claim) {
      answer = world.store->capacity().judge("private", 2 * kGeneration, 0);
    } else if (auto room = world.store->capacity().reserve("private", 2 * kGeneration); !room) {
      answer = failure(room.error());
    }
    has_answer = true;
  });
  // The answer waits for the deletion. One that does not is most likely there before these rounds end.
  constexpr int kRounds = 100'000;
  for (int i = 0; i < kRounds && !has_answer; ++i) std::this_thread::yield();
  may_go_on = true;
  deletes.join();
  asks.join();
  CHECK(deleted);
  INFO((is_claim ? "a claim: " : "a reservation: ") << (answer ? "" : answer.error().message));
  CHECK(answer);
}

TEST_CASE("a cache's signature does not go before the cache does, and then goes along") {
  RetentionPolicy policy;
  policy.cache_tags = {"*"};
  BoundedWorld world(3, {policy});
  world.generation("first", "buildcache");
  const std::string signature = "sha256-" + digest_of("manifest of first").hex() + ".sig";
  world.push("signature", {}, {signature});
  world.pass(seconds(1));
  world.generation("second", "v2");
  REQUIRE(world.store->references().lease_tag(world.app, "buildcache", Reach::disk, Leases::Kind::probe));
  world.pass(seconds(10));
  world.generation("third", "v3");
  CHECK_FALSE(world.has_tag("buildcache"));
  CHECK_FALSE(world.has_tag(signature));
  CHECK(world.has_tag("v2"));
}

}  // namespace breakwater::store
