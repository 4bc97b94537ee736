// What an operator wants kept is kept.
#include "store/references/pins.h"

#include <chrono>
#include <map>

#include "store/capacity/disk_bound.h"
#include "store/catalog/catalog_state.h"
#include "store/references/references.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/mirror_eviction.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using test::digest_of;
using test::PushedWorld;
using test::stored_digests;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kBusybox{"dockerhub", "library/busybox"};

// A mirror with images: each has a layer of its own and an index above it.
struct MirroredWorld : PushedWorld {
  MirroredWorld() {
    settings.route_bytes_max["dockerhub"] = 400 << 10;
    REQUIRE(open());
    clock.advance(settings.lease);
  }
  void mirror_manifest(const RepositoryKey& repository, const std::string& text,
                       const std::vector<Digest>& children, const std::string& tag, bool is_index = false,
                       const std::optional<Digest>& subject = {}) {
    ManifestContent content = content_of(text, children);
    for (ManifestContent::Child& child : content.children) child.edge.is_manifest = is_index;
    content.record.subject = subject;
    if (subject) content.referrer_descriptor = "{}";
    REQUIRE(store->manifests().put(repository, digest_of(text), text, content, tag, Durability::buffered));
  }
  static std::string layer(const std::string& tag) { return "layer of " + tag + std::string(40'000, '.'); }
  static std::string image(const std::string& tag) { return "image " + tag; }
  static std::string index(const std::string& tag) { return "index " + tag; }
  void mirror(const std::string& tag, const RepositoryKey& repository = kAlpine) {
    REQUIRE(put(repository, layer(tag)));
    mirror_manifest(repository, image(tag), {digest_of(layer(tag))}, "");
    mirror_manifest(repository, index(tag), {digest_of(image(tag))}, tag, true);
    pass(std::chrono::seconds(1));
  }
  bool is_whole(const std::string& tag) {
    return is_stored(digest_of(layer(tag))) && is_stored(digest_of(image(tag))) &&
           is_stored(digest_of(index(tag)));
  }
  // Of 400 KiB.
  void need(uint64_t bytes) { (void)store->capacity().ensure("dockerhub", bytes); }
};

}  // namespace

TEST_CASE("a pinned image of a mirror survives eviction down to nothing else, with all under it") {
  MirroredWorld world;
  for (const char* tag : {"1", "2", "3"}) world.mirror(tag);
  world.mirror_manifest(kAlpine, "signature of 1", {}, "", false, digest_of(world.index("1")));
  REQUIRE(*world.store->references().pin({"dockerhub", "library/alpine", "1"}));
  world.need(345 << 10);
  CHECK(world.is_whole("1"));
  CHECK(world.is_stored(digest_of("signature of 1")));
  CHECK_FALSE(world.is_stored(digest_of(world.layer("2"))));
  CHECK_FALSE(world.is_stored(digest_of(world.layer("3"))));
  CHECK(stored_digests(*world.store).size() == 4);
}

TEST_CASE("without a pin the same eviction takes the image that was used least recently") {
  MirroredWorld world;
  for (const char* tag : {"1", "2", "3"}) world.mirror(tag);
  world.need(300 << 10);
  CHECK_FALSE(world.is_stored(digest_of(world.layer("1"))));
}

TEST_CASE("a pin of a pattern covers what comes later, and a tag that has moved on no more") {
  MirroredWorld world;
  REQUIRE(*world.store->references().pin({"dockerhub", "library/*", "1*"}));
  world.mirror("1.1", kBusybox);
  world.mirror("2");
  const auto pinned = [&](const Digest& digest) {
    return *is_pinned(world.store->catalog(), world.store->pins(), digest);
  };
  CHECK(pinned(digest_of(world.layer("1.1"))));
  CHECK(pinned(digest_of(world.index("1.1"))));
  CHECK_FALSE(pinned(digest_of(world.layer("2"))));
  // Upstream has moved the tag.
  world.mirror_manifest(kBusybox, "another index", {}, "1.1");
  CHECK(pinned(digest_of("another index")));
  CHECK_FALSE(pinned(digest_of(world.layer("1.1"))));
}

TEST_CASE("a pin of a repository covers its blobs, and a pin of a digest what is under that alone") {
  MirroredWorld world;
  world.mirror("1");
  world.mirror("2");
  REQUIRE(world.put(kBusybox, "a blob that no manifest names"));
  REQUIRE(*world.store->references().pin({"dockerhub", "library/busybox"}));
  REQUIRE(*world.store->references().pin({"dockerhub", "library/alpine", "", digest_of(world.image("1"))}));
  world.need(345 << 10);
  CHECK(world.is_stored(digest_of("a blob that no manifest names")));
  CHECK(world.is_stored(digest_of(world.layer("1"))));
  CHECK(world.is_stored(digest_of(world.image("1"))));
  CHECK_FALSE(world.is_stored(digest_of(world.layer("2"))));
}

TEST_CASE("pins survive a restart and a crash, are in a backup, and end with unpin") {
  MirroredWorld world;
  world.mirror("1");
  const ImagePattern what{"dockerhub", "library/alpine", "1"};
  const ImagePattern digest{"dockerhub", "library/alpine", "", digest_of(world.image("1"))};
  CHECK(*world.store->references().pin(what));
  CHECK_FALSE(*world.store->references().pin(what));
  CHECK(*world.store->references().pin(digest));
  REQUIRE(world.store->backup().back_up(world.folder.path() / "backup", {}));
  world.crash();
  world.disk.power_cut();
  REQUIRE(world.open());
  REQUIRE(world.store->pins().list()->size() == 2);
  CHECK(std::any_of(world.store->pins().list()->begin(), world.store->pins().list()->end(),
                    [&](const Pin& pin) { return pin.what == digest; }));
  CHECK(*world.store->references().unpin(what));
  CHECK(*world.store->references().unpin(digest));
  CHECK_FALSE(*world.store->references().unpin(what));
  world.mirror("2");
  world.need(380 << 10);
  CHECK_FALSE(world.is_stored(digest_of(world.layer("1"))));
  world.store.reset();
  world.settings.data = world.folder.path() / "backup";
  REQUIRE(world.open());
  CHECK(world.store->pins().list()->size() == 2);
}

TEST_CASE("when pinned content fills the bound the log says so, once") {
  MirroredWorld world;
  for (const char* tag : {"1", "2", "3", "4", "5", "6", "7"}) world.mirror(tag);
  REQUIRE(*world.store->references().pin({"dockerhub", "library/*"}));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.store->capacity().ensure("dockerhub", 100 << 10));
  CHECK(world.is_whole("1"));
  CHECK(world.log.count("pins_fill_the_bound") == 1);
  CHECK(world.store->pins().in_the_way().at("dockerhub") == 7 * (on_disk(40'100) + 2 * on_disk(1)));
  REQUIRE(*world.store->references().unpin({"dockerhub", "library/*"}));
  CHECK(world.store->pins().in_the_way().empty());
  CHECK(world.store->capacity().ensure("dockerhub", 100 << 10));
}

TEST_CASE("a search for room that pins make vain is not made again until something has changed") {
  MirroredWorld world;
  for (const char* tag : {"1", "2", "3", "4", "5", "6", "7"}) world.mirror(tag);
  REQUIRE(*world.store->references().pin({"dockerhub", "library/*"}));
  const auto& parts = world.store->parts();
  DiskBound disk_bound(parts.budget, parts.files, world.disk, world.settings.data, world.clock, world.log);
  MirrorEviction eviction(parts, world.store->blobs(), world.store->idle_partials(), world.store->trash(),
                          disk_bound);
  const auto looked_at = [&](uint64_t bytes) {
    const uint64_t before = eviction.blobs_looked_at();
    REQUIRE(eviction.evict("dockerhub", bytes, MirrorEviction::Bound::route));
    return eviction.blobs_looked_at() - before;
  };
  CHECK(looked_at(100 << 10) >= 21);
  for (int i = 0; i < 100; ++i) CHECK(looked_at((100 << 10) + static_cast<uint64_t>(i)) == 0);
  CHECK(world.log.count("pins_fill_the_bound") == 1);
  // Less has come than is needed; then as much.
  const RepositoryKey other{"dockerhub", "other/app"};
  const std::string small = "small", large = "large" + std::string(40'000, '.');
  REQUIRE(world.put(other, small));
  CHECK(looked_at(100 << 10) == 0);
  REQUIRE(world.put(other, large));
  CHECK(looked_at(24 << 10) > 0);
  CHECK_FALSE(world.is_stored(digest_of(small)));
  CHECK_FALSE(world.is_stored(digest_of(large)));
  CHECK(looked_at(100 << 10) == 0);
  // What nobody tells it is found after a while, and another pin at once.
  world.clock.advance(VainSearch::kVainFor);
  CHECK(looked_at(100 << 10) > 0);
  REQUIRE(*world.store->references().unpin({"dockerhub", "library/*"}));
  CHECK(looked_at(100 << 10) > 0);
  CHECK_FALSE(world.is_whole("1"));
}

TEST_CASE("a digest that more manifests need than are searched is kept where a pin is about any of them") {
  MirroredWorld world;
  REQUIRE(world.put(kAlpine, "base"));
  Batch batch;
  for (int i = 0; i < 1100; ++i) batch.put_edge(digest_of("base"), kAlpine, digest_of(std::to_string(i)), {});
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
  const auto pinned = [&] {
    return *is_pinned(world.store->catalog(), world.store->pins(), digest_of("base"));
  };
  CHECK_FALSE(pinned());
  REQUIRE(*world.store->references().pin({"dockerhub", "library/busybox"}));
  CHECK_FALSE(pinned());
  REQUIRE(*world.store->references().pin({"dockerhub", "library/alpine", "1"}));
  CHECK(pinned());
}

TEST_CASE("there are so many pins and no more, and one of a registry keeps tags", "[one-thread]") {
  PushedWorld world;
  for (size_t i = 0; i < Pins::kPinsMax; ++i)
    REQUIRE(world.store->references().pin({"dockerhub", "library/" + std::to_string(i)}));
  CHECK(world.store->references().pin({"dockerhub", "more"}).error().kind == Error::Kind::full);
  CHECK(world.store->references().pin({"private", "team/app", "", digest_of("x")}).error().kind ==
        Error::Kind::invalid);
}

TEST_CASE("a pinned tag of a registry outlives retention, a full store, and the image that it belongs to") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 1;
  world.settings.retention["private"] = {policy};
  world.settings.route_bytes_max["private"] = 200 << 10;
  REQUIRE(world.open());
  world.pass(world.settings.lease);
  for (const char* tag : {"cache-pinned", "cache-plain"}) {
    world.push(tag, {world.upload(tag + std::string(70'000, '.'))}, {tag});
    world.pass(std::chrono::hours(2));
  }
  world.push("old", {}, {"old"});
  world.pass(std::chrono::hours(1));
  const Digest old = digest_of("old");
  const std::string signature = "sha256-" + old.hex() + ".sig";
  world.push("signature", {}, {signature});
  world.push("new", {}, {"new"});
  for (const std::string& tag : {std::string("cache-pinned"), signature})
    REQUIRE(*world.store->references().pin({"private", "team/app", tag}));
  world.pass(std::chrono::hours(2));
  REQUIRE(world.store->collector().apply_retention());
  CHECK(world.has_tag("cache-pinned"));
  CHECK_FALSE(world.has_tag("cache-plain"));
  CHECK_FALSE(world.has_tag("old"));
  world.pass(std::chrono::hours(2));
  world.collect();
  CHECK_FALSE(world.has_manifest(old));
  CHECK(world.has_tag(signature));
  CHECK_FALSE(world.store->capacity().ensure("private", 190 << 10));
  CHECK(world.has_tag("cache-pinned"));
  CHECK(world.is_stored(digest_of("cache-pinned" + std::string(70'000, '.'))));
}

TEST_CASE(
    "a blob that a registry gives up and a pin of a mirror covers stays, though the mirror has no room") {
  PushedWorld world;
  world.settings.route_bytes_max["dockerhub"] = 20 << 10;
  world.settings.route_bytes_max["private"] = 100 << 10;
  REQUIRE(world.open());
  world.pass(world.settings.lease);
  const std::string shared(30'000, 's');
  world.push("image", {world.upload(shared)}, {"latest"});
  REQUIRE(world.store->references().link(kAlpine, digest_of(shared)));
  REQUIRE(*world.store->references().pin({"dockerhub", "library/alpine"}));
  REQUIRE(world.store->references().delete_manifest(world.app, digest_of("image")));
  world.pass(std::chrono::hours(2));
  world.collect();
  CHECK(world.is_stored(digest_of(shared)));
  // Nor does it go, or keep anybody waiting, when the registry needs room.
  CHECK_FALSE(world.store->capacity().ensure("private", 90 << 10));
  CHECK(world.is_stored(digest_of(shared)));
  REQUIRE(*world.store->references().unpin({"dockerhub", "library/alpine"}));
  world.pass(std::chrono::hours(3));
  world.collect();
  CHECK_FALSE(world.is_stored(digest_of(shared)));
}

}  // namespace breakwater::store
