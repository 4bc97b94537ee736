// The disk is cut at each of its operations in turn, the machine loses power, and the store is opened again.
// Whatever the instant: no blob is served that is not whole, nothing that was acknowledged is lost, and the
// accounts are what the disk says.
#include <functional>
#include <stop_token>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"
#include "store/references/manifest_content.h"
#include "store/store.h"
#include "store/upkeep/backup.h"
#include "test/catch.h"
#include "test/crash/crash.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using test::check_all_is_whole;
using test::content_of;
using test::digest_of;
using test::End;
using test::StoreWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kPrivate{"private", "app"};

const std::string kBefore = content_of(30'000, 1);
const std::string kDuring = content_of(50'000, 2);
const std::string kManifest = content_of(2'000, 3);

void check_tags_lead_to_manifests(StoreWorld& world, const RepositoryKey& repository) {
  const auto tags = world.store->catalog().tags(repository, "", 10);
  REQUIRE(tags);
  for (const NamedTag& tag : *tags) {
    CHECK(world.store->manifests().bytes(repository, tag.record.digest));
  }
}

// `change` is what is under way when the disk is cut at its operation `step`; it says whether it was
// acknowledged. False when the change has fewer steps than that.
bool cut_once(uint64_t step, End end, const std::function<bool(StoreWorld&)>& change,
              const std::function<bool(StoreWorld&)>& is_done) {
  StoreWorld world;
  REQUIRE(world.open());
  REQUIRE(world.put(kPrivate, kBefore, Durability::synced));
  const uint64_t before = world.disk.changing_operations();
  world.disk.cut_at_change(step);
  const bool acknowledged = change(world);
  const bool was_cut = world.disk.changing_operations() - before >= step;
  test::die(world, end);
  INFO("cut at step " << step << " of end " << static_cast<int>(end));
  REQUIRE(world.open());
  check_all_is_whole(world);
  check_tags_lead_to_manifests(world, kPrivate);
  CHECK(world.holds(kBefore));
  if (acknowledged) CHECK(is_done(world));
  // And it can be done now, whatever was left.
  REQUIRE(change(world));
  CHECK(is_done(world));
  check_all_is_whole(world);
  return was_cut;
}

void cut_everywhere(const std::function<bool(StoreWorld&)>& change,
                    const std::function<bool(StoreWorld&)>& is_done) {
  test::cut_each_step(5, 200, [&](uint64_t step, End end) { return cut_once(step, end, change, is_done); });
}

TEST_CASE("a blob's commit is cut at every step") {
  cut_everywhere(
      [](StoreWorld& world) { return world.put(kPrivate, kDuring, Durability::synced).has_value(); },
      [](StoreWorld& world) { return world.holds(kDuring); });
}

TEST_CASE("a manifest's put is cut at every step") {
  const auto put = [](StoreWorld& world) {
    ManifestContent content;
    content.children.push_back({digest_of(kBefore), {"layer", kBefore.size(), false}});
    return world.store->manifests()
        .put(kPrivate, digest_of(kManifest), kManifest, content, "latest", Durability::synced)
        .has_value();
  };
  const auto is_there = [](StoreWorld& world) {
    const auto tag = world.store->catalog().tag(kPrivate, "latest", Reach::disk);
    return tag && *tag && world.store->manifests().bytes(kPrivate, (*tag)->digest) == kManifest &&
           store::may_serve(world.store->catalog(), kPrivate, digest_of(kBefore), Reach::disk);
  };
  cut_everywhere(put, is_there);
}

TEST_CASE("an eviction is cut at every step") {
  // What goes is a mirror's blob and manifest; what must stay is the registry's.
  const auto change = [](StoreWorld& world) {
    return world.put(kAlpine, kDuring).has_value() &&
           world.store->blobs().delete_damaged(digest_of(kDuring)).has_value() &&
           world.store->manifests()
               .put(kAlpine, digest_of(kManifest), kManifest, {}, "latest", Durability::synced)
               .has_value();
  };
  const auto is_done = [](StoreWorld& world) {
    return world.store->manifests().bytes(kAlpine, digest_of(kManifest)).has_value();
  };
  cut_everywhere(change, is_done);
}

TEST_CASE("a fill that is killed at any piece is resumed, not restarted") {
  for (size_t pieces = 1; pieces < 8; ++pieces) {
    StoreWorld world;
    REQUIRE(world.open());
    {
      auto partial = world.store->partials().receive(
          "dockerhub", store::Partials::fill_id(digest_of(kDuring)), Algorithm::sha256);
      REQUIRE(world.store->capacity().grow(partial->reservation, kDuring.size()));
      for (size_t piece = 0; piece < pieces; ++piece)
        REQUIRE(partial->writer->append(std::span<const char>(kDuring).subspan(piece * 5000, 5000)));
      world.disk.stop();
    }
    world.crash();
    REQUIRE(world.open());
    CHECK(world.store->budget().of("dockerhub").stored == on_disk(pieces * 5000));
    CHECK(world.store->partials()
              .receive("dockerhub", store::Partials::fill_id(digest_of(kDuring)), Algorithm::sha256)
              ->writer->written() == pieces * 5000);
    REQUIRE(world.put(kAlpine, kDuring));
    CHECK(world.holds(kDuring));
    check_all_is_whole(world);
  }
}

TEST_CASE("a start that is cut at every step can be started again") {
  test::cut_each_step(30, 400, [](uint64_t step, End end) {
    INFO("cut at step " << step << " of end " << static_cast<int>(end));
    StoreWorld world;
    REQUIRE(world.open());
    REQUIRE(world.put(kPrivate, kBefore, Durability::synced));
    REQUIRE(world.put(kAlpine, kDuring));
    world.crash();
    world.disk.cut_at_change(step);
    const bool was_cut = !world.open().has_value();
    test::die(world, end);
    REQUIRE(world.open());
    CHECK(world.holds(kBefore));
    check_all_is_whole(world);
    return was_cut;
  });
}

// The same process goes on after an operation that failed once, or for a while.
bool fail_once(uint64_t step, const std::function<bool(StoreWorld&)>& change,
               const std::function<bool(StoreWorld&)>& is_done) {
  INFO("failed at step " << step);
  StoreWorld world;
  REQUIRE(world.open());
  REQUIRE(world.put(kPrivate, kBefore, Durability::synced));
  const uint64_t before = world.disk.operations();
  world.disk.fail_at(step);
  const bool acknowledged = change(world);
  const bool was_failed = world.disk.operations() - before >= step;
  world.disk.heal();
  if (acknowledged) CHECK(is_done(world));
  CHECK(world.holds(kBefore));
  REQUIRE(change(world));
  CHECK(is_done(world));
  check_all_is_whole(world);
  // And what was acknowledged at last outlives a power cut.
  test::die(world, End::power_lost);
  REQUIRE(world.open());
  CHECK(is_done(world));
  CHECK(world.holds(kBefore));
  check_all_is_whole(world);
  return was_failed;
}

TEST_CASE("any operation of a blob's commit and of the catalog's flush fails once, and the store goes on") {
  const auto change = [](StoreWorld& world) {
    return world.put(kPrivate, kDuring, Durability::synced).has_value() &&
           world.store->parts().catalog.flush().has_value() &&
           world.store->manifests()
               .put(kPrivate, digest_of(kManifest), kManifest, {}, "latest", Durability::synced)
               .has_value();
  };
  const auto is_done = [](StoreWorld& world) {
    return world.holds(kDuring) &&
           world.store->manifests().bytes(kPrivate, digest_of(kManifest)) == kManifest;
  };
  uint64_t step = 1;
  while (step < 400 && fail_once(step, change, is_done)) ++step;
  CHECK(step > 20);
  CHECK(step < 400);
}

TEST_CASE("any operation of a backup fails once, and the store goes on") {
  uint64_t step = 1;
  for (bool was_failed = true; was_failed && step < 400; ++step) {
    INFO("failed at step " << step);
    StoreWorld world;
    REQUIRE(world.open());
    REQUIRE(world.put(kPrivate, kBefore, Durability::synced));
    const uint64_t before = world.disk.operations();
    world.disk.fail_at(step);
    (void)world.store->backup().back_up(world.folder.path() / "first", std::stop_token());
    was_failed = world.disk.operations() - before >= step;
    world.disk.heal();
    REQUIRE(world.put(kPrivate, kDuring, Durability::synced));
    check_all_is_whole(world);
    REQUIRE(world.store->backup().back_up(world.folder.path() / "second", std::stop_token()));
    world.settings.data = world.folder.path() / "second";
    REQUIRE(world.open());
    CHECK(world.holds(kBefore));
    CHECK(world.holds(kDuring));
  }
  CHECK(step > 20);
  CHECK(step < 400);
}

// A catalog that could not be written is opened anew at the next write. That is cut, and it fails.
struct MendedWorld : StoreWorld {
  explicit MendedWorld(Error::Kind kind) {
    REQUIRE(open());
    REQUIRE(put(kPrivate, kBefore, Durability::synced));
    disk.fail_each(test::FaultyDisk::Operation::write, kind);
    disk.set_space({64ULL << 30, 1 << 20});
    CHECK_FALSE(put_tag("v1"));
    CHECK_FALSE(put_tag("v2"));
    disk.heal();
  }
  bool put_tag(const std::string& tag) {
    Batch batch;
    batch.put_tag(kPrivate, tag, {digest_of(kBefore), "type", {}, {}}, std::nullopt);
    return store->parts().catalog.write(std::move(batch), Durability::synced).has_value();
  }
  bool has_tag(const std::string& tag) const {
    const auto found = store->catalog().tag(kPrivate, tag, Reach::disk);
    return found && *found;
  }
};

TEST_CASE(
    "a catalog that is opened anew after a disk that failed, or was full, is cut and fails at every step") {
  const auto kind = GENERATE(Error::Kind::internal, Error::Kind::full);
  test::cut_each_step(15, 400, [kind](uint64_t step, End end) {
    INFO("cut at step " << step << " of end " << static_cast<int>(end));
    MendedWorld world(kind);
    const uint64_t before = world.disk.changing_operations();
    world.disk.cut_at_change(step);
    const bool acknowledged = world.put_tag("v3");
    const bool was_cut = world.disk.changing_operations() - before >= step;
    test::die(world, end);
    REQUIRE(world.open());
    CHECK(world.holds(kBefore));
    if (acknowledged) CHECK(world.has_tag("v3"));
    return was_cut;
  });
  for (uint64_t step = 1, before = 0; kind == Error::Kind::internal; ++step) {
    INFO("failed at step " << step);
    REQUIRE(step < 400);
    MendedWorld world(kind);
    before = world.disk.operations();
    world.disk.fail_at(step);
    const bool acknowledged = world.put_tag("v3");
    const bool was_failed = world.disk.operations() - before >= step;
    world.disk.heal();
    CHECK(world.holds(kBefore));
    if (acknowledged) CHECK(world.has_tag("v3"));
    world.disk.set_space({64ULL << 30, 32ULL << 30});  // there is room: it is tried at once
    CHECK(world.put_tag("v4"));
    test::die(world, End::power_lost);
    REQUIRE(world.open());
    CHECK(world.has_tag("v4"));
    if (acknowledged) CHECK(world.has_tag("v3"));
    if (!was_failed) break;
  }
}

}  // namespace
}  // namespace breakwater::store
