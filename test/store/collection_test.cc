// What is collected, and above all what is not.
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <chrono>
#include <thread>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/liveness.h"
#include "store/references/references.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/scrub.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::digest_of;
using test::PushedWorld;

// What one step of this thread's collection reads of the catalog.
struct CatalogReads {
  uint64_t searches = 0, records = 0;
};
CatalogReads reads_of_step(PushedWorld& world) {
  rocksdb::SetPerfLevel(rocksdb::kEnableCount);
  rocksdb::PerfContext& read = *rocksdb::get_perf_context();
  read.Reset();
  REQUIRE(*world.store->collector().collect(10'000) > 0);
  rocksdb::SetPerfLevel(rocksdb::kDisable);
  return {read.seek_on_memtable_count, read.next_on_memtable_count};
}

size_t looks_queued(PushedWorld& world) {
  return world.store->catalog().queues().reviews(Time::max(), 10'000)->size();
}

}  // namespace

TEST_CASE("an upload that no manifest came for goes when its lease is over, and its bytes come back") {
  PushedWorld world;
  const Digest layer = world.upload(std::string(9000, 'x'));
  world.pass(minutes(59));
  world.collect();
  CHECK(world.is_stored(layer));
  world.pass(minutes(1));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK_FALSE(world.has_blob(layer));
  CHECK(world.store->budget().of("private").taken() == 0);
  CHECK(world.bytes_on_disk() == 0);
  CHECK(world.files_in("trash") == 0);
}

TEST_CASE(
    "a blob that is deleted from the only repository that had it goes at once, whoever was told of it") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  REQUIRE(world.has_blob(layer));
  REQUIRE(world.store->references().delete_link(world.app, layer));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK(world.store->budget().of("private").taken() == 0);
}

TEST_CASE("a blob that is deleted from one of two repositories stays for its lease in the other") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  REQUIRE(*world.store->blobs().mount(world.other, "", layer));
  REQUIRE(world.store->references().delete_link(world.app, layer));
  world.collect();
  CHECK(world.is_stored(layer));
  world.pass(minutes(61));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("an image that is deleted goes at once, with all that was uploaded for it alone") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {"latest"});
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  world.collect();
  CHECK_FALSE(world.is_stored(image));
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("an upload for one manifest is not used up by another that is pushed once more") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {"latest"});
  world.upload("layer");
  world.push("image", {layer}, {"again"});
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  world.collect();
  CHECK(world.is_stored(layer));
  world.push("another", {layer}, {"latest"});
}

TEST_CASE("an upload to one repository is not used up by the manifests of another") {
  PushedWorld world;
  const Digest layer = world.upload("layer", world.app);
  world.upload("layer", world.other);
  const Digest one = world.push("one", {layer}, {"a"});
  world.push("two", {layer}, {"b"});
  REQUIRE(world.store->references().delete_manifest(world.app, one));
  world.collect();
  const std::string text = "the other's";
  const auto missing = world.store->manifests().push(world.other, digest_of(text), text,
                                                     world.content_of(text, {layer}), {"latest"});
  REQUIRE(missing);
  CHECK(missing->empty());
}

TEST_CASE("a HEAD that found a blob keeps it for another lease, and the manifest that follows is taken") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.pass(minutes(59));
  REQUIRE(world.has_blob(layer));
  world.pass(minutes(59));
  world.collect();
  world.push("image", {layer}, {"latest"});
  world.pass(minutes(240));
  world.collect();
  CHECK(world.has_blob(layer));
}

TEST_CASE("what a tag names stays, through index and image down to the last blob") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  world.push("index", {image}, {"latest"});
  world.pass(minutes(240));
  world.collect();
  CHECK(world.is_stored(layer));
  CHECK(world.has_manifest(image));
  CHECK(world.store->collector().collected().blobs == 0);
}

TEST_CASE("what an overwritten tag named goes whole, but for what the new one needs too") {
  PushedWorld world;
  const Digest shared = world.upload("shared");
  const Digest old = world.upload("old");
  const Digest first = world.push("first", {shared, old}, {"cache"});
  world.push("second", {shared}, {"cache"});
  world.pass(minutes(61));
  world.collect();
  CHECK_FALSE(world.has_manifest(first));
  CHECK_FALSE(world.is_stored(first));
  CHECK_FALSE(world.is_stored(old));
  CHECK(world.is_stored(shared));
  CHECK(world.has_tag("cache"));
}

TEST_CASE("a cache that was just imported keeps its layers for its lease, though its tag has moved on") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest first = world.push("first", {layer}, {"cache"});
  world.pass(minutes(70));
  REQUIRE(world.store->references().lease_manifest(world.app, first, Reach::disk));
  world.push("second", {}, {"cache"});
  world.pass(minutes(59));
  world.collect();
  CHECK(world.is_stored(layer));
  world.pass(minutes(1));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("a referrer stays as long as its subject, and goes with it") {
  PushedWorld world;
  const Digest image = world.push("image", {}, {"latest"});
  const Digest signature = world.push_referrer("signature", image);
  world.pass(minutes(240));
  world.collect();
  CHECK(world.has_manifest(signature));
  REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  world.pass(minutes(240));
  world.collect();
  CHECK_FALSE(world.has_manifest(image));
  CHECK_FALSE(world.has_manifest(signature));
  CHECK_FALSE(world.is_stored(signature));
}

TEST_CASE("of two tags of one manifest the removal of one changes nothing") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.push("image", {layer}, {"a", "b"});
  REQUIRE(world.store->references().delete_tag(world.app, "a"));
  world.pass(minutes(240));
  world.collect();
  CHECK(world.is_stored(layer));
}

TEST_CASE("a blob that two repositories have stays for the one that needs it, and the other forgets it") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  REQUIRE(*world.store->blobs().mount(world.other, "", layer));
  world.push("image", {layer}, {"latest"});
  world.pass(minutes(240));
  world.collect();
  CHECK(world.is_stored(layer));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), world.other, layer, Reach::disk));
}

TEST_CASE("what a mirror may serve as well becomes the mirror's") {
  PushedWorld world;
  const std::string layer(9000, 'x');
  world.upload(layer);
  REQUIRE(world.put({"dockerhub", "library/alpine"}, layer));
  world.pass(minutes(61));
  world.collect();
  CHECK(world.is_stored(digest_of(layer)));
  CHECK_FALSE(world.has_blob(digest_of(layer)));
  CHECK(world.store->budget().of("private").stored == 0);
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(9000));
}

TEST_CASE("what has no tag stays as long as its policy says, whatever else had it reviewed") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.repositories = {"team/app"};
  policy.untagged_after = hours(24);
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const Digest layer = world.upload("layer");

  SECTION("another repository that lost its tag and promises less") {
    const Digest image = world.push("image", {layer}, {"latest"});
    world.upload("layer", world.other);
    REQUIRE(world.store->manifests().push(world.other, image, "image", world.content_of("image", {layer}),
                                          {"ci"}));
    world.pass(hours(2));
    REQUIRE(world.store->references().delete_tag(world.app, "latest"));
    REQUIRE(world.store->references().delete_tag(world.other, "ci"));
  }
  SECTION("that it lost a tag before") {
    world.push("image", {layer}, {"latest"});
    world.pass(hours(2));
    REQUIRE(world.store->references().delete_tag(world.app, "latest"));
    world.pass(hours(12));
    world.push("image", {layer}, {"latest"});
    world.pass(hours(11));
    REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  }
  SECTION("that it was pushed before") {
    world.push("image", {layer}, {});
    world.pass(hours(23));
    world.push("image", {layer}, {});
  }
  SECTION("an index that is gone") {
    const Digest image = world.push("image", {layer}, {"latest"});
    const Digest index = world.push("index", {image}, {"multi"});
    world.pass(hours(2));
    REQUIRE(world.store->references().delete_tag(world.app, "latest"));
    REQUIRE(world.store->references().delete_manifest(world.app, index));
  }
  SECTION("a tag that went back and forth") {
    const Digest another = world.upload("another layer");
    world.push("image", {layer}, {"latest"});
    world.push("another", {another}, {"latest"});
    world.push("image", {layer}, {"latest"});
    world.pass(hours(20));
    world.push("another", {another}, {"latest"});
  }
  for (int hour = 0; hour < 23; ++hour) {
    world.pass(hours(1));
    world.collect();
  }
  CHECK(world.has_manifest(digest_of("image")));
  CHECK(world.has_blob(layer));
  world.pass(hours(2));
  world.collect();
  CHECK_FALSE(world.has_manifest(digest_of("image")));
  CHECK_FALSE(world.has_blob(layer));
}

TEST_CASE("what has no tag stays as long as its policy says, from when it lost it or was pushed without") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.untagged_after = hours(24);
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const Digest untagged = world.push("untagged", {world.upload("layer")}, {});
  const Digest tagged = world.push("tagged", {world.upload("another layer")}, {"latest"});
  world.pass(minutes(59));
  REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  world.pass(hours(23));
  world.collect();
  CHECK(world.is_stored(untagged));
  CHECK(world.is_stored(tagged));
  world.pass(minutes(2));
  world.collect();
  CHECK_FALSE(world.is_stored(untagged));
  CHECK(world.is_stored(tagged));
  CHECK(world.is_stored(digest_of("another layer")));
  world.pass(minutes(59));
  world.collect();
  CHECK_FALSE(world.is_stored(tagged));
  CHECK_FALSE(world.is_stored(digest_of("another layer")));
}

TEST_CASE("a mirror that has no room for what a registry gives up forgets it") {
  PushedWorld world;
  const std::string layer(9000, 'x');
  world.upload(layer);
  REQUIRE(world.put({"dockerhub", "library/alpine"}, layer));
  world.settings.route_bytes_max["dockerhub"] = 4096;
  REQUIRE(world.open());
  world.pass(minutes(61));
  world.collect();
  CHECK_FALSE(world.is_stored(digest_of(layer)));
  CHECK(world.store->catalog().by_digest().links(digest_of(layer))->empty());
  CHECK(world.store->budget().of("private").stored == 0);
  CHECK(world.store->budget().of("dockerhub").stored == 0);
}

TEST_CASE("a review of a base layer takes no longer because many manifests name it", "[one-thread]") {
  PushedWorld world;
  const Digest base = world.upload("base");
  for (int i = 0; i < 300; ++i) world.push("image " + std::to_string(i), {base}, {std::to_string(i)});
  world.push("alone", {world.upload("layer of its own")}, {"alone"});
  world.pass(minutes(120));
  world.collect();
  const auto reads_for = [&](const std::string& image) {
    REQUIRE(world.store->references().delete_manifest(world.app, digest_of(image)));
    const CatalogReads reads = reads_of_step(world);
    world.collect();
    CHECK_FALSE(world.is_stored(digest_of(image)));
    return reads.records;
  };
  const uint64_t alone = reads_for("alone");
  CHECK(reads_for("image 7") < alone + 100);
  CHECK(world.is_stored(base));
}

TEST_CASE("what many have queued for review is reviewed once in a step, and no review is left over") {
  constexpr int kLayers = 20, kImages = 40;
  PushedWorld world;
  std::vector<Digest> layers;
  for (int i = 0; i < kLayers; ++i) layers.push_back(world.upload("layer " + std::to_string(i)));
  for (int i = 0; i < kImages; ++i) world.push("image " + std::to_string(i), layers, {std::to_string(i)});
  world.pass(minutes(120));
  world.collect();
  REQUIRE(looks_queued(world) == 0);
  world.push("another", {layers[0]}, {"another"});
  for (int i = 0; i < kImages; ++i) {
    world.pass(seconds(1));
    REQUIRE(world.store->references().delete_manifest(world.app, digest_of("image " + std::to_string(i))));
  }
  // The layers are asked about once the last image that names them goes.
  REQUIRE(looks_queued(world) >= kImages + kLayers - 1);
  CHECK(looks_queued(world) < 2 * (kImages + kLayers));
  CHECK(reads_of_step(world).searches < 10 * (kImages + kLayers));
  world.pass(minutes(120));
  world.collect();
  CHECK(looks_queued(world) == 0);
  CHECK(world.is_stored(layers[0]));
  CHECK(world.store->collector().collected().blobs == kImages + kLayers - 1);
}

TEST_CASE("what is deleted and pushed again at once is there") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {"latest"});
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  world.push("image", {layer}, {"latest"});
  world.pass(minutes(240));
  world.collect();
  CHECK(world.store->references().lease_tag(world.app, "latest", Reach::disk)->digest == image);
  CHECK(world.is_stored(layer));
}

TEST_CASE(
    "nothing is collected within one lease after a crash, and what was dead before it is not forgotten") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.pass(minutes(59));
  REQUIRE(world.has_blob(layer));
  world.crash();
  REQUIRE(world.open());
  world.pass(minutes(59));
  world.collect();
  CHECK(world.is_stored(layer));
  world.pass(minutes(1));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("a clean stop keeps every lease, and adds to none") {
  PushedWorld world;
  const Digest asked_for = world.upload("asked for");
  const Digest left = world.upload("left");
  const Digest layer = world.upload("layer");
  world.pass(minutes(30));
  REQUIRE(world.has_blob(asked_for));
  const Digest image = world.push("image", {layer}, {"latest"});
  REQUIRE(world.open());
  world.pass(minutes(31));
  world.collect();
  CHECK_FALSE(world.is_stored(left));
  CHECK(world.is_stored(asked_for));
  REQUIRE(world.open());
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK(world.is_stored(asked_for));
  world.pass(minutes(29));
  world.collect();
  CHECK_FALSE(world.is_stored(asked_for));
}

TEST_CASE("a clean stop within a lease after a crash does not make known what was not") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.pass(minutes(59));
  REQUIRE(world.has_blob(layer));
  world.crash();
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.open());
    world.pass(minutes(29));
    world.collect();
    CHECK(world.is_stored(layer));
  }
  world.pass(minutes(2));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("a review that fails is postponed, and does not keep the others waiting") {
  PushedWorld world;
  const Digest stuck = world.upload("stuck");
  const Digest other = world.upload("other");
  world.pass(minutes(61));
  world.disk.fail_at(1);  // the first file's way to the trash
  world.collect();
  CHECK(world.is_stored(stuck) != world.is_stored(other));
  world.pass(minutes(61));
  world.collect();
  CHECK_FALSE(world.is_stored(stuck));
  CHECK_FALSE(world.is_stored(other));
}

TEST_CASE(
    "what was on its way out when the process was killed comes back if it is known still, and goes then") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.pass(minutes(61));
  // The file's way to the trash is the last thing that is done.
  const auto die = [&](test::FaultyDisk::Operation operation, const std::filesystem::path&) {
    if (operation == test::FaultyDisk::Operation::rename) world.disk.stop();
  };
  world.disk.watch_by(die);
  CHECK_FALSE(world.store->collector().collect(100));
  world.disk.watch_by({});
  world.crash();
  CHECK(world.files_in("trash") == 1);
  REQUIRE(world.open());
  CHECK(world.is_stored(layer));
  CHECK(world.files_in("trash") == 0);
  world.pass(minutes(61));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK(world.bytes_on_disk() == 0);
}

TEST_CASE("two collectors never run at once: the second has nothing to do") {
  PushedWorld world;
  world.upload("first");
  world.upload("second");
  world.pass(minutes(60));
  size_t removals = 0;
  // The catalog removes files of its own, on a thread of its own.
  const auto collect_too = [&](test::FaultyDisk::Operation operation, const std::filesystem::path& path) {
    if (operation != test::FaultyDisk::Operation::remove || path.parent_path().filename() != "trash") return;
    ++removals;
    Result<size_t> looked = 99;
    std::thread([&] { looked = world.store->collector().collect(100); }).join();
    CHECK(looked == size_t{0});
  };
  world.disk.watch_by(collect_too);
  world.collect();
  CHECK(removals == 2);
  CHECK(world.store->collector().collected().blobs == 2);
  CHECK(world.bytes_on_disk() == 0);
}

// Collects one image of `images` that share a base layer, each in a repository of its own or all in one.
uint64_t searches_to_collect_one_of(int images, bool is_spread) {
  PushedWorld world;
  const auto repository_of = [&](int i) {
    return is_spread ? RepositoryKey{"private", "team/app-" + std::to_string(i)} : world.app;
  };
  std::vector<Digest> manifests;
  for (int i = 0; i < images; ++i) {
    const RepositoryKey repository = repository_of(i);
    const std::string text = "image " + std::to_string(i);
    const Digest base = world.upload("base", repository);
    const Digest own = world.upload("layer of " + text, repository);
    const auto content = world.content_of(text, {base, own});
    REQUIRE(world.store->manifests().push(repository, digest_of(text), text, content, {std::to_string(i)}));
    manifests.push_back(digest_of(text));
  }
  world.pass(hours(2));
  world.collect();  // the reviews of the uploads
  REQUIRE(world.store->references().delete_manifest(repository_of(images / 2),
                                                    manifests[static_cast<size_t>(images / 2)]));
  uint64_t searches = reads_of_step(world).searches;
  while (looks_queued(world) > 0) searches += reads_of_step(world).searches;
  CHECK_FALSE(world.is_stored(digest_of("layer of image " + std::to_string(images / 2))));
  CHECK(world.is_stored(digest_of("base")));
  CHECK_FALSE(*world.store->catalog().has_link(digest_of("layer of image " + std::to_string(images / 2)),
                                               repository_of(images / 2), Reach::disk));
  CHECK(*world.store->catalog().has_link(digest_of("base"), repository_of(images / 2), Reach::disk) !=
        is_spread);
  return searches;
}

TEST_CASE("collecting one image asks the catalog as often however many others share its base layer",
          "[one-thread]") {
  for (const bool is_spread : {false, true}) {
    const uint64_t few = searches_to_collect_one_of(10, is_spread);
    const uint64_t many = searches_to_collect_one_of(200, is_spread);
    CAPTURE(is_spread, few, many);
    CHECK(many <= few + few / 4);
  }
}

TEST_CASE("a base layer that leaves two repositories in one moment leaves both, and goes with the last") {
  PushedWorld world;
  const Digest base = world.upload("base", world.app);
  world.upload("base", world.other);
  const RepositoryKey third{"private", "team/third"};
  world.upload("base", third);
  for (const RepositoryKey& repository : {world.app, world.other, third}) {
    const std::string text = "image of " + repository.repository;
    REQUIRE(world.store->manifests().push(repository, digest_of(text), text, world.content_of(text, {base}),
                                          {"latest"}));
  }
  world.pass(hours(2));
  world.collect();
  for (const RepositoryKey& repository : {world.app, world.other})
    REQUIRE(world.store->references().delete_manifest(repository,
                                                      digest_of("image of " + repository.repository)));
  world.collect();
  CHECK_FALSE(*world.store->catalog().has_link(base, world.app, Reach::disk));
  CHECK_FALSE(*world.store->catalog().has_link(base, world.other, Reach::disk));
  CHECK(*world.store->catalog().has_link(base, third, Reach::disk));
  CHECK(world.is_stored(base));
  REQUIRE(world.store->references().delete_manifest(third, digest_of("image of " + third.repository)));
  world.collect();
  CHECK_FALSE(world.is_stored(base));
}

TEST_CASE("a DELETE ends no lease: who has read a manifest finds what it names, through index and image") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  const Digest index = world.push("index", {image}, {"latest"});
  const Digest unread = world.upload("unread layer");
  const Digest unread_image = world.push("unread image", {unread}, {"other"});
  world.pass(minutes(120));
  REQUIRE(world.store->references().lease_manifest(world.app, index, Reach::disk));
  world.pass(minutes(10));
  for (const Digest& deleted : {index, image, unread_image}) {
    REQUIRE(world.store->references().delete_manifest(world.app, deleted));
    world.collect();
  }
  CHECK_FALSE(world.is_stored(index));
  CHECK_FALSE(world.is_stored(unread));
  world.pass(minutes(49));
  world.collect();
  REQUIRE(world.is_stored(layer));
  CHECK(world.store->blobs().lease(world.app, layer, Reach::disk, Leases::Kind::probe));
  world.pass(minutes(2));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK(looks_queued(world) == 0);
}

TEST_CASE("what a deleted index named stays readable by digest for its lease, and so do its layers") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  const Digest index = world.push("index", {image}, {"latest"});
  world.pass(minutes(120));
  REQUIRE(world.store->references().lease_tag(world.app, "latest", Reach::disk));
  REQUIRE(world.store->references().delete_manifest(world.app, index));
  world.pass(minutes(59));
  world.collect();
  CHECK(world.store->references().lease_manifest(world.app, image, Reach::disk));
  world.pass(minutes(59));
  world.collect();
  CHECK(world.is_stored(layer));
  world.pass(minutes(2));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("a link that was made for a blob that is not stored is none, and one of before goes") {
  PushedWorld world;
  const RepositoryKey alpine{"dockerhub", "library/alpine"};
  const Digest asked = digest_of("asked for"), held = digest_of("held");
  REQUIRE(world.put(alpine, "held"));
  for (const Digest& digest : {asked, held})
    REQUIRE(world.store->references().link({"dockerhub", "library/other"}, digest));
  CHECK(world.store->catalog().by_digest().links(asked)->empty());
  CHECK(world.store->catalog().by_digest().links(held)->size() == 2);

  // As versions before have left them.
  Batch batch;
  batch.put_link(asked, alpine, {});
  batch.put_link(asked, world.app, {});
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::synced));
  Scrub scrub(world.store->parts(), world.store->blobs(),
              [](const Digest&, const std::string&, std::string_view) { return ManifestContent(); });
  for (uint64_t worth = 1; worth > 0;) worth = scrub.step().value();
  CHECK(world.store->catalog().by_digest().links(asked)->empty());
  CHECK(world.store->catalog().by_digest().links(held)->size() == 2);
  CHECK(scrub.stats().found_total == 0);
}

// --- what belongs to an image

TEST_CASE("signatures that are pushed with each image push no other tag out, and go with their image") {
  const std::string suffix = GENERATE(".sig", ".att", ".sbom", ".vuln", "");
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 3;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const auto belonging = [&](const Digest& image) { return "sha256-" + image.hex() + suffix; };
  for (const char* tag : {"v1", "v2"}) {
    world.push(tag, {}, {tag});
    world.pass(minutes(1));
  }
  std::vector<Digest> images;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "main " + std::to_string(i);
    images.push_back(world.push(name, {}, {"main"}));
    world.push("signature of " + name, {}, {belonging(images.back())});
    world.pass(hours(2));
    world.collect();
    REQUIRE(world.store->collector().apply_retention());
    world.collect();
  }
  for (const std::string& tag : {std::string("v1"), std::string("v2"), std::string("main")})
    CHECK(world.has_tag(tag));
  for (int i = 0; i < 4; ++i) {
    INFO(i);
    CHECK(world.has_manifest(images[i]) == (i == 3));
    CHECK(world.has_tag(belonging(images[i])) == (i == 3));
  }
  world.pass(hours(2));
  world.collect();
  CHECK(world.store->catalog().tags(world.app, "", 100)->size() == 4);
  CHECK_FALSE(world.is_stored(digest_of("signature of main 0")));
  CHECK(world.log.contains("reason=what it belongs to is gone"));
}

TEST_CASE("what belongs to an image goes with it, without a policy too, unless it is protected") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.protect = {"*.att"};
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const Digest image = digest_of("image"), other = world.push("other", {}, {"other"});
  const std::string stem = "sha256-" + image.hex();
  world.push("before its image", {}, {stem + ".sig"});
  world.push("protected", {}, {stem + ".att"});
  world.push("of another", {}, {"sha256-" + other.hex() + ".sig"});
  world.pass(hours(2));
  REQUIRE(world.store->collector().apply_retention() == size_t{0});
  REQUIRE(world.has_tag(stem + ".sig"));  // no policy lets any tag go
  world.push("image", {}, {"latest"});
  world.push("listed", {}, {stem});
  REQUIRE(world.store->references().lease_tag(world.app, stem + ".sig", Reach::disk));
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  CHECK_FALSE(world.has_tag(stem + ".sig"));
  CHECK_FALSE(world.has_tag(stem));
  CHECK(world.has_tag(stem + ".att"));
  CHECK(world.has_tag("sha256-" + other.hex() + ".sig"));
  world.pass(minutes(59));
  world.collect();
  CHECK(world.has_manifest(digest_of("before its image")));  // a client has read it
  world.pass(minutes(2));
  world.collect();
  CHECK_FALSE(world.has_manifest(digest_of("before its image")));
  CHECK(world.has_manifest(digest_of("protected")));
}

TEST_CASE("what belongs to an image with a longer digest is found by what of that stands in the tag") {
  PushedWorld world;
  const std::string text = "image";
  const Digest image = store::digest_of(Algorithm::sha512, text);
  REQUIRE(world.store->manifests().push(world.app, image, text, world.content_of(text, {}), {"latest"}));
  const std::string tag = "sha512-" + image.hex().substr(0, 64) + ".sig";
  world.push("signature", {}, {tag});
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  CHECK_FALSE(world.has_tag(tag));
}

TEST_CASE("a signature that came before its image has a lease, and stays if the image comes meanwhile") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 9;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const auto signature_of = [](const std::string& image) {
    return "sha256-" + digest_of(image).hex() + ".sig";
  };
  for (const char* image : {"comes", "never comes"})
    world.push(std::string("of ") + image, {}, {signature_of(image)});
  world.pass(minutes(59));
  CHECK(*world.store->collector().apply_retention() == 0);
  world.push("comes", {}, {"latest"});
  world.pass(minutes(2));
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK(world.has_tag(signature_of("comes")));
  CHECK_FALSE(world.has_tag(signature_of("never comes")));
}

TEST_CASE("a tag of what has a subject does not count either, and goes a lease after it lost that") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 1;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const Digest image = world.push("image", {}, {"latest"});
  world.pass(minutes(1));
  auto content = world.content_of("sbom", {});
  content.record.subject = image;
  content.referrer_descriptor = "{}";
  REQUIRE(world.store->manifests().push(world.app, digest_of("sbom"), "sbom", content, {"sbom-of-latest"}));
  world.pass(hours(3));
  CHECK(*world.store->collector().apply_retention() == 0);
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK_FALSE(world.has_tag("sbom-of-latest"));
}

TEST_CASE("an image that is named after the digest of something else is a tag as any other") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 2;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const auto name = [](const std::string& source) { return "sha256-" + digest_of(source).hex(); };
  for (const char* source : {"a", "b", "c"}) {
    world.push(std::string("built from ") + source, {}, {name(source)});
    world.pass(hours(2));
  }
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK_FALSE(world.has_tag(name("a")));
  CHECK(world.has_tag(name("b")));
  CHECK(world.has_tag(name("c")));
}

}  // namespace breakwater::store
