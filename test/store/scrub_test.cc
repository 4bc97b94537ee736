#include "store/upkeep/scrub.h"

#include <fstream>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/manifest_content.h"
#include "store/references/references.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using test::content_of;
using test::digest_of;
using test::StoreWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kApp{"private", "app"};
const std::string kLayer = content_of(3'000'000, 1);
const std::string kConfig = content_of(500, 2);
const std::string kImage = content_of(900, 3);
const std::string kIndex = content_of(700, 4);

ManifestContent naming(const std::vector<std::string>& children) {
  ManifestContent content;
  content.record.media_type = "made";
  for (const std::string& child : children)
    content.children.push_back({digest_of(child), {"layer", child.size(), false}});
  return content;
}

// What the made manifests need, as a reader of real ones finds it in their bytes.
Result<ManifestContent> needed(const Digest& digest, const std::string&, std::string_view) {
  if (digest == digest_of(kImage)) return naming({kConfig, kLayer});
  if (digest == digest_of(kIndex)) return naming({kImage});
  return naming({});
}

void flip(const std::filesystem::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get());
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

// A registry with one image behind two tags, in an index of its own; and a mirror's image of the same shape
// of other bytes.
struct World : StoreWorld {
  std::unique_ptr<Scrub> scrub;
  const std::string mirrored = content_of(2'500'000, 7);
  uint64_t size_error = 0;  // of what manifests say of their children

  World() { start(); }
  void start() {
    scrub.reset();
    REQUIRE(open());
    const auto read = [this](const Digest& digest, const std::string& type, std::string_view bytes) {
      auto content = needed(digest, type, bytes);
      for (auto& child : content->children) child.edge.size += size_error;
      return content;
    };
    scrub = std::make_unique<Scrub>(store->parts(), store->blobs(), read);
  }
  void fill() {
    REQUIRE(put(kApp, kLayer, Durability::synced));
    REQUIRE(put(kApp, kConfig, Durability::synced));
    push();
    REQUIRE(put(kAlpine, mirrored));
    REQUIRE(store->manifests().put(kAlpine, digest_of("mirrored"), "mirrored",
                                   naming({mirrored, "not fetched yet"}), "3.20", Durability::buffered));
  }
  void push() {
    REQUIRE(store->manifests()
                .push(kApp, digest_of(kImage), kImage, naming({kConfig, kLayer}), {"v1", "latest"})
                ->empty());
    REQUIRE(store->manifests().push(kApp, digest_of(kIndex), kIndex, naming({kImage}), {"multi"})->empty());
  }
  // A pass; how many steps it took.
  size_t pass() {
    size_t steps = 1;
    for (auto worth = scrub->step(); *worth > 0; worth = scrub->step()) ++steps;
    return steps;
  }
  std::filesystem::path path_of(const std::string& content) {
    return store->parts().files.path_of(digest_of(content));
  }
  uint64_t broken() const {
    const auto counts = store->broken().by_route();
    CHECK_FALSE(counts.contains("dockerhub"));
    const auto found = counts.find("private");
    return found == counts.end() ? 0 : found->second;
  }
};

TEST_CASE("a store in which all is well is walked through in small steps, and nothing is found") {
  World world;
  world.fill();
  world.clock.advance(std::chrono::hours(2));
  CHECK(world.pass() > 10);  // a mebibyte at a time
  CHECK(world.scrub->stats().found_total == 0);
  CHECK(world.scrub->stats().bytes_total > kLayer.size() + world.mirrored.size());
  CHECK(world.scrub->stats().passed_at == world.clock.now());
  CHECK(world.broken() == 0);
  CHECK(world.pass() > 10);
}

TEST_CASE("a pass that is under way says how much it has behind it") {
  World world;
  for (uint32_t i = 0; i < 200; ++i) REQUIRE(world.put(kApp, content_of(100, 1000 + i), Durability::synced));
  CHECK_FALSE(world.scrub->stats().pass_share);
  double last = 0;
  size_t differing = 0;
  for (auto worth = world.scrub->step(); *worth > 0; worth = world.scrub->step()) {
    REQUIRE(world.scrub->stats().pass_share);
    const double share = *world.scrub->stats().pass_share;
    CHECK(share >= last);
    CHECK(share <= 1);
    differing += share > last ? 1 : 0;
    last = share;
  }
  CHECK(last > 0.5);
  CHECK(differing > 10);
  CHECK_FALSE(world.scrub->stats().pass_share);
}

TEST_CASE("what the scrub has read does not stay in memory, and what was in memory does") {
  World world;
  world.fill();
  world.disk.forget_residency();
  const auto hot = world.store->blobs().open(digest_of(world.mirrored));
  REQUIRE(world.disk.read_ahead(*hot->file, 0, world.mirrored.size()));
  world.pass();
  CHECK(world.disk.resident(*hot->file, 0, world.mirrored.size()));
  CHECK(world.disk.dropped_bytes() > kLayer.size());
  CHECK(world.disk.dropped_bytes() < kLayer.size() + world.mirrored.size());
}

namespace {

// As a version before took it in: an index whose child came as a blob.
void put_index(World& world, const std::string& text, const std::string& child) {
  ManifestContent content = naming({child});
  content.children[0].edge.is_manifest = true;
  REQUIRE(world.store->manifests().put(kApp, digest_of(text), text, content, "multi", Durability::synced));
}
bool has_manifest(const World& world, const std::string& text) {
  return world.store->catalog().manifest(kApp, digest_of(text), Reach::disk)->has_value();
}

}  // namespace

TEST_CASE("what an index needs as a manifest and the repository has as a blob becomes a manifest") {
  World world;
  for (const std::string& blob : {kLayer, kConfig, kImage})
    REQUIRE(world.put(kApp, blob, Durability::synced));
  put_index(world, kIndex, kImage);
  CHECK_FALSE(has_manifest(world, kImage));
  world.pass();
  CHECK(world.scrub->stats().found_total == 1);
  CHECK(has_manifest(world, kImage));
  CHECK(world.broken() == 0);
  world.clock.advance(10 * world.settings.lease);
  for (int round = 0; round < 4; ++round) REQUIRE(world.store->collector().collect(100));
  CHECK(world.holds(kLayer));
  world.pass();
  CHECK(world.scrub->stats().found_total == 1);
}

TEST_CASE("what an index needs as a manifest and that lacks a layer is named until the layer is there") {
  World world;
  for (const std::string& blob : {kConfig, kImage}) REQUIRE(world.put(kApp, blob, Durability::synced));
  put_index(world, kIndex, kImage);
  world.pass();
  CHECK_FALSE(has_manifest(world, kImage));
  CHECK(world.broken() == 1);
  CHECK(world.log.contains("broken digest=" + digest_of(kImage).text()));
  CHECK(world.log.contains("private/app:multi"));
  REQUIRE(world.store->tick());
  CHECK(world.broken() == 1);
  REQUIRE(world.put(kApp, kLayer, Durability::synced));
  world.pass();
  CHECK(has_manifest(world, kImage));
  REQUIRE(world.store->tick());
  CHECK(world.broken() == 0);
}

TEST_CASE("a size that a manifest gives a blob wrongly is told") {
  World world;
  REQUIRE(world.put(kApp, kConfig, Durability::synced));
  REQUIRE(world.put(kApp, kLayer, Durability::synced));
  ManifestContent content = naming({kConfig, kLayer});
  REQUIRE(world.store->manifests().put(kApp, digest_of(kImage), kImage, content, "1", Durability::synced));
  world.pass();
  CHECK(world.scrub->stats().found_total == 0);
  world.size_error = 1;
  world.pass();
  CHECK(world.scrub->stats().found_total == 2);
  CHECK(world.log.contains("size_differs digest=" + digest_of(kConfig).text()));
}

TEST_CASE("a flipped byte in a mirror's blob is found: the blob goes, and can be fetched again") {
  World world;
  world.fill();
  flip(world.path_of(world.mirrored), 2'000'000);
  const auto warm = world.store->blobs().open_if_warm(digest_of(world.mirrored));
  REQUIRE(warm);
  world.pass();
  CHECK(world.scrub->stats().found_total == 1);
  CHECK(world.log.contains("blob_corrupt digest=" + digest_of(world.mirrored).text()));
  CHECK(world.store->blobs().open_if_warm(digest_of(world.mirrored)).error().kind == Error::Kind::not_found);
  CHECK_FALSE(std::filesystem::exists(world.path_of(world.mirrored)));
  CHECK(world.broken() == 0);
  REQUIRE(world.put(kAlpine, world.mirrored));
  CHECK(world.holds(world.mirrored));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a mirror's manifest that has rotted goes with its tag") {
  World world;
  world.fill();
  flip(world.path_of("mirrored"), 3);
  world.pass();
  CHECK_FALSE(world.store->catalog().tag(kAlpine, "3.20", Reach::disk)->has_value());
  CHECK(world.broken() == 0);
}

TEST_CASE(
    "a flipped byte in a registry's blob is found, named with its tags, and served no more, until it is "
    "pushed again") {
  World world;
  world.fill();
  flip(world.path_of(kLayer), 1'500'000);
  world.pass();
  CHECK(world.broken() == 1);
  CHECK(world.log.contains("broken digest=" + digest_of(kLayer).text()));
  CHECK(world.log.contains("private/app:latest, private/app:v1, private/app:multi"));
  CHECK(world.store->blobs().lease(kApp, digest_of(kLayer), Reach::disk).error().kind ==
        Error::Kind::not_found);
  CHECK(*world.store->manifests().push(kApp, digest_of("other"), "other", naming({kLayer}), {"v2"}) ==
        std::vector{digest_of(kLayer)});
  CHECK(world.store->catalog().tag(kApp, "latest", Reach::disk)->has_value());

  world.pass();
  CHECK(world.scrub->stats().found_total == 1);  // it is known
  CHECK(world.broken() == 1);
  world.start();
  CHECK(world.broken() == 0);
  world.pass();
  CHECK(world.broken() == 1);  // and found again

  REQUIRE(world.put(kApp, kLayer, Durability::synced));
  CHECK(world.broken() == 0);
  CHECK(world.store->blobs().lease(kApp, digest_of(kLayer), Reach::disk));
}

TEST_CASE(
    "a registry's manifest that has rotted is absent for HEAD, and healed by the push of the same bytes") {
  World world;
  world.fill();
  flip(world.path_of(kImage), 3);
  world.pass();
  CHECK(world.broken() == 1);
  CHECK(world.store->references().lease_tag(kApp, "v1", Reach::disk).error().kind == Error::Kind::not_found);
  CHECK(world.store->references().lease_manifest(kApp, digest_of(kImage), Reach::disk).error().kind ==
        Error::Kind::not_found);
  CHECK(world.store->references().lease_tag(kApp, "multi", Reach::disk));
  world.push();
  CHECK(world.broken() == 0);
  CHECK(world.store->manifests().bytes(kApp, digest_of(kImage)) == kImage);
}

TEST_CASE("what is broken and no longer needed is not broken any more") {
  World world;
  world.fill();
  flip(world.path_of(kLayer), 0);
  world.pass();
  REQUIRE(world.store->references().delete_tag(kApp, "multi"));
  REQUIRE(world.store->references().review_broken());
  CHECK(world.broken() == 1);
  REQUIRE(world.store->references().delete_manifest(kApp, digest_of(kIndex)));
  REQUIRE(world.store->references().delete_manifest(kApp, digest_of(kImage)));
  REQUIRE(world.store->references().review_broken());
  CHECK(world.broken() == 0);
}

TEST_CASE(
    "a file that is gone, short, long or empty is found, cold and warm, of a registry and of a mirror") {
  for (const bool is_warm : {false, true}) {
    for (const int64_t size : {-1, 0, 100, 4'000'000}) {
      World world;
      world.fill();
      if (!is_warm) world.start();
      for (const std::string& content : {kLayer, world.mirrored}) {
        if (size < 0) std::filesystem::remove(world.path_of(content));
        if (size >= 0) std::filesystem::resize_file(world.path_of(content), static_cast<uintmax_t>(size));
      }
      world.pass();
      CHECK(world.scrub->stats().found_total == 2);
      CHECK(world.broken() == 1);
      CHECK_FALSE(world.holds(kLayer));
      CHECK_FALSE(world.holds(world.mirrored));
      CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
    }
  }
}

TEST_CASE("what is found short when it is opened is named at once") {
  World world;
  world.fill();
  std::filesystem::resize_file(world.path_of(kLayer), 100);
  CHECK(world.store->blobs().lease(kApp, digest_of(kLayer), Reach::disk).error().kind ==
        Error::Kind::not_found);
  CHECK(world.broken() == 1);
}

TEST_CASE(
    "a blob that the disk cannot read stays and is named if it is a registry's, and goes in time if "
    "it is a mirror's") {
  World world;
  world.fill();
  world.disk.fail_each(test::FaultyDisk::Operation::read);
  world.pass();
  world.disk.heal();
  CHECK(world.broken() == 4);  // layer, config, image and index
  CHECK(world.log.contains("the disk cannot read it"));
  CHECK(world.holds(kLayer));
  CHECK(world.holds(world.mirrored));
  world.clock.advance(std::chrono::minutes(11));
  world.disk.fail_each(test::FaultyDisk::Operation::read);
  world.pass();
  world.disk.heal();
  CHECK(world.holds(kLayer));
  CHECK_FALSE(world.holds(world.mirrored));
  world.pass();
  CHECK(world.broken() == 0);
}

TEST_CASE("a disk that fails once is asked again before anything is said") {
  World world;
  world.fill();
  for (uint64_t step = 1; step < 40; ++step) {
    world.disk.fail_at(step);
    world.pass();
    world.disk.heal();
  }
  CHECK(world.scrub->stats().found_total == 0);
  CHECK(world.holds(world.mirrored));
}

TEST_CASE(
    "after an unclean stop the references are looked at before any content, and the contents where the last "
    "run was") {
  World world;
  world.fill();
  for (int step = 0; step < 6; ++step) REQUIRE(world.scrub->step());
  const auto path = world.path_of(kConfig);
  world.crash();
  std::filesystem::remove(path);
  const auto files_opened = [&world] {
    return world.disk.count(test::FaultyDisk::Operation::open) -
           world.disk.count(test::FaultyDisk::Operation::open, world.settings.data / "catalog");
  };
  world.start();
  const uint64_t before = files_opened();
  CHECK(world.broken() == 1);  // the names of the files tell
  for (int step = 0; step < 3; ++step) REQUIRE(world.scrub->step());
  CHECK(files_opened() == before);
  world.pass();
  CHECK(world.scrub->stats().found_total == 0);  // it was known
}

TEST_CASE("the last full pass is remembered over a restart") {
  World world;
  world.fill();
  world.pass();
  const Time passed_at = world.scrub->stats().passed_at;
  world.clock.advance(std::chrono::hours(5));
  world.start();
  CHECK(world.scrub->stats().passed_at == passed_at);
}

TEST_CASE("an edge that is missing is put back from the manifest's bytes") {
  World world;
  world.fill();
  Batch batch;
  batch.delete_edge(digest_of(kLayer), kApp, digest_of(kImage));
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
  world.pass();
  CHECK(world.log.contains("edge_mended"));
  CHECK(world.store->catalog().parent_in(digest_of(kLayer), kApp, Reach::disk)->has_value());
  CHECK(world.broken() == 0);
}

TEST_CASE("an edge of a manifest that is not there goes, so that what it kept can be collected") {
  World world;
  world.fill();
  Batch batch;
  batch.put_edge(digest_of(kLayer), kApp, digest_of("no manifest"), {"layer", 1, false});
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
  world.pass();
  CHECK(world.log.contains("edge_deleted"));
  CHECK(world.store->catalog().by_digest().parents(digest_of(kLayer))->size() == 1);
}

TEST_CASE("a tag that names a manifest which is not there is named, until it names another") {
  World world;
  world.fill();
  const Time since = world.clock.wall();
  Batch batch;
  batch.put_tag(kApp, "lost", {digest_of("no manifest"), "made", {}, {}}, std::nullopt);
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
  world.pass();
  CHECK(world.broken() == 1);
  CHECK(world.log.contains("private/app:lost"));
  world.clock.advance(std::chrono::hours(1));
  world.pass();
  const auto things = world.store->broken().things();
  REQUIRE(things.size() == 1);
  CHECK(things[0].since == since);
  CHECK(things[0].tags == std::vector<std::string>{"private/app:lost"});
  CHECK(world.store->broken().things(0).empty());
  REQUIRE(world.store->manifests()
              .push(kApp, digest_of(kImage), kImage, naming({kConfig, kLayer}), {"lost"})
              ->empty());
  REQUIRE(world.store->references().review_broken());
  CHECK(world.broken() == 0);
}

TEST_CASE("a suspicion that is out of date is dropped") {
  World world;
  world.fill();
  const auto record = world.store->catalog().blob(digest_of(world.mirrored), Reach::disk);
  world.clock.advance(std::chrono::seconds(1));
  REQUIRE(world.store->blobs().delete_damaged(digest_of(world.mirrored)));
  CHECK(world.store->blobs().delete_damaged_if_unchanged({digest_of(world.mirrored), **record}) == false);
  REQUIRE(world.put(kAlpine, world.mirrored));
  CHECK(world.store->blobs().delete_damaged_if_unchanged({digest_of(world.mirrored), **record}) == false);
  CHECK(world.holds(world.mirrored));
  CHECK(world.store->references().note_missing(digest_of(kLayer)) == false);
  CHECK(world.store->references().delete_stray_edge({kApp, digest_of(kImage), digest_of(kLayer)}) == false);
  CHECK(world.store->references().add_edge(kApp, digest_of(kImage), digest_of(kLayer), {}) == false);
}

}  // namespace
}  // namespace breakwater::store
