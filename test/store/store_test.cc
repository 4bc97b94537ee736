#include "store/store.h"
#include "store/upkeep/explaining.h"

#include <thread>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/files/files.h"
#include "store/references/liveness.h"
#include "store/references/manifest_content.h"
#include "store/references/references.h"
#include "store/references/use_times.h"
#include "store/upkeep/backup.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using test::content_of;
using test::digest_of;
using test::StoreWorld;
using namespace std::chrono_literals;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kTool{"ghcr", "tool"};
const RepositoryKey kPrivate{"private", "app"};
constexpr size_t kBlobBytes = 1'000'000;

// A world whose store is bounded to `blobs` blobs of kBlobBytes beside its catalog, and half a blob for what
// the catalog grows by.
struct BoundedWorld : StoreWorld {
  explicit BoundedWorld(uint64_t blobs) {
    REQUIRE(open());
    REQUIRE(open());
    settings.bytes_max = store->budget().overhead() + blobs * on_disk(kBlobBytes) + on_disk(kBlobBytes) / 2;
    REQUIRE(open());
  }
};

ManifestContent manifest_naming(const std::vector<Digest>& children) {
  ManifestContent content;
  content.record.media_type = "application/vnd.oci.image.manifest.v1+json";
  for (const Digest& child : children) content.children.push_back({child, {"layer", 1, false}});
  return content;
}

TEST_CASE("a committed blob is served, linked and accounted for") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(kBlobBytes, 1);
  REQUIRE(world.put(kAlpine, content));
  CHECK(world.holds(content));
  CHECK(*store::may_serve(world.store->catalog(), kAlpine, digest_of(content), Reach::disk));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), kTool, digest_of(content), Reach::disk));
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(kBlobBytes));
  CHECK(world.store->budget().whole().reserved == 0);
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.store->catalog().queues().upload_ids()->empty());
}

TEST_CASE("a blob that is stored twice is accounted for once, on account of the last who stored it") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(kBlobBytes, 1);
  REQUIRE(world.put(kAlpine, content));
  REQUIRE(world.put(kTool, content));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
  CHECK(world.store->budget().of("ghcr").stored == on_disk(kBlobBytes));
  CHECK(*store::may_serve(world.store->catalog(), kAlpine, digest_of(content), Reach::disk));
}

TEST_CASE("a second process is refused the folder") {
  StoreWorld world;
  REQUIRE(world.open());
  const auto second = Store::open(world.settings, world.disk, world.clock, world.log);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == Error::Kind::conflict);
}

TEST_CASE("a warm blob needs no disk; a cold one says would_block; an unknown one is not found") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(kBlobBytes, 1);
  REQUIRE(world.put(kAlpine, content));
  CHECK(world.store->blobs().open_if_warm(digest_of(content)));
  CHECK(world.store->blobs().open_if_warm(digest_of("unknown")).error().kind == Error::Kind::not_found);
  REQUIRE(world.open());
  CHECK(world.store->blobs().open_if_warm(digest_of(content)).error().kind == Error::Kind::would_block);
  REQUIRE(world.store->blobs().open(digest_of(content)));
  CHECK(world.store->blobs().open_if_warm(digest_of(content)));
}

TEST_CASE("a blob whose file was emptied or shortened behind our back is never served, and is forgotten") {
  for (const uint64_t size : {uint64_t{0}, uint64_t{kBlobBytes - 1}}) {
    StoreWorld world;
    REQUIRE(world.open());
    const std::string content = content_of(kBlobBytes, 1);
    REQUIRE(world.put(kAlpine, content));
    std::filesystem::resize_file(world.store->parts().files.path_of(digest_of(content)), size);
    REQUIRE(world.open());
    CHECK(world.store->blobs().open(digest_of(content)).error().kind == Error::Kind::not_found);
    CHECK(world.store->budget().whole().stored == 0);
    CHECK(world.files_in("blobs") == 0);
    CHECK(world.log.contains("blob_lost"));
    REQUIRE(world.put(kAlpine, content));
    CHECK(world.holds(content));
  }
}

// --- room

TEST_CASE("when the store is full the least recently used blob of a mirror goes") {
  BoundedWorld world(3);
  for (uint32_t seed = 0; seed < 3; ++seed) {
    REQUIRE(world.put(kAlpine, content_of(kBlobBytes, seed)));
    world.clock.advance(2min);
  }
  world.store->blobs().note_use(digest_of(content_of(kBlobBytes, 0)));
  REQUIRE(world.put(kTool, content_of(kBlobBytes, 3)));
  CHECK(world.holds(content_of(kBlobBytes, 0)));
  CHECK_FALSE(world.holds(content_of(kBlobBytes, 1)));
  CHECK(world.holds(content_of(kBlobBytes, 2)));
  const auto evicted = world.store->blobs().evicted().begin()->second;
  CHECK(evicted.blobs == 1);
  CHECK(evicted.last_at == world.clock.wall());
  const auto first_used = world.store->catalog().blob(digest_of(content_of(kBlobBytes, 2)), Reach::disk);
  REQUIRE(world.store->tick());
  CHECK(world.store->oldest_uses().at("dockerhub") == (**first_used).used_at);
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a route at its own bound gives up its own blobs, however old those of others are") {
  StoreWorld world;
  world.settings.route_bytes_max["dockerhub"] = 2 * on_disk(kBlobBytes);
  REQUIRE(world.open());
  REQUIRE(world.put(kTool, content_of(kBlobBytes, 0)));
  for (uint32_t seed = 1; seed < 4; ++seed) {
    world.clock.advance(2min);
    REQUIRE(world.put(kAlpine, content_of(kBlobBytes, seed)));
    CHECK(world.store->budget().of("dockerhub").taken() <= 2 * on_disk(kBlobBytes));
  }
  CHECK(world.holds(content_of(kBlobBytes, 0)));
  CHECK_FALSE(world.holds(content_of(kBlobBytes, 1)));
}

TEST_CASE("what is read is not evicted: another goes, or the store is full") {
  BoundedWorld world(2);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 0)));
  world.clock.advance(2min);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 1)));
  const auto oldest = world.store->blobs().open(digest_of(content_of(kBlobBytes, 0)));
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 2)));
  CHECK(world.holds(content_of(kBlobBytes, 0)));
  const auto other = world.store->blobs().open(digest_of(content_of(kBlobBytes, 2)));
  const auto refused = world.store->capacity().reserve("dockerhub", kBlobBytes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::full);
}

TEST_CASE("blobs of a registry, and those it needs of a mirror, are not evicted") {
  BoundedWorld world(2);
  const std::string shared = content_of(kBlobBytes, 0);
  REQUIRE(world.put(kAlpine, shared));
  Batch batch;
  batch.put_link(digest_of(shared), kPrivate, {});
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::synced));
  REQUIRE(world.put(kPrivate, content_of(kBlobBytes, 1)));
  CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes).error().kind == Error::Kind::full);
  CHECK(world.holds(shared));
  CHECK(world.holds(content_of(kBlobBytes, 1)));
}

TEST_CASE("what can never fit evicts nothing") {
  BoundedWorld world(2);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 0)));
  for (const uint64_t size : {uint64_t{10 * kBlobBytes}, UINT64_MAX, UINT64_MAX - 5000}) {
    CHECK(world.store->capacity().reserve("dockerhub", size).error().kind == Error::Kind::full);
  }
  auto reservation = world.store->capacity().reserve("dockerhub", 1);
  CHECK_FALSE(world.store->capacity().grow(*reservation, UINT64_MAX));
  CHECK(world.holds(content_of(kBlobBytes, 0)));
}

TEST_CASE("a partial that nobody receives goes before any blob") {
  BoundedWorld world(2);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 0)));
  world.clock.advance(1h);
  {
    auto partial = world.store->partials().receive("dockerhub", store::Partials::fill_id(digest_of("x")),
                                                   Algorithm::sha256);
    REQUIRE(world.store->capacity().grow(partial->reservation, kBlobBytes));
    REQUIRE(partial->writer->append(content_of(kBlobBytes, 9)));
    // Takes the blob's place: the partial is being received.
    CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes));
    CHECK_FALSE(world.holds(content_of(kBlobBytes, 0)));
  }
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 1)));
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 2)));
  CHECK(world.holds(content_of(kBlobBytes, 1)));
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.store->catalog().queues().upload_ids()->empty());
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a partial of a registry's upload is not evicted") {
  BoundedWorld world(1);
  {
    auto partial = world.store->partials().receive("private", "upload-1", Algorithm::sha256);
    REQUIRE(world.store->capacity().grow(partial->reservation, kBlobBytes));
    REQUIRE(partial->writer->append(content_of(kBlobBytes, 9)));
  }
  CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes).error().kind == Error::Kind::full);
  CHECK(world.store->partials().receive("private", "upload-1", Algorithm::sha256)->writer->written() ==
        kBlobBytes);
}

TEST_CASE("what the file system has left is a bound") {
  StoreWorld world;
  REQUIRE(world.open());
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 0)));
  const uint64_t margin = 16ULL << 20;
  world.disk.set_space({64ULL << 30, margin + on_disk(kBlobBytes)});
  auto reservation = world.store->capacity().reserve("dockerhub", kBlobBytes);
  REQUIRE(reservation);
  CHECK(world.holds(content_of(kBlobBytes, 0)));
  // The first reservation is not written yet, so what is available is promised already.
  auto second = world.store->capacity().reserve("dockerhub", kBlobBytes);
  REQUIRE(second);
  CHECK_FALSE(world.holds(content_of(kBlobBytes, 0)));
  CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes).error().kind == Error::Kind::full);
}

// Ten blobs of a mirror, on a disk that has too little left by `missing` bytes.
struct ShortWorld : StoreWorld {
  static constexpr uint64_t kMargin = 16ULL << 20;
  uint64_t available = 0;

  explicit ShortWorld(uint64_t missing) {
    REQUIRE(open());
    for (uint32_t seed = 0; seed < 10; ++seed) {
      REQUIRE(put(kAlpine, content_of(kBlobBytes, seed)));
      clock.advance(2min);
    }
    give(kMargin - missing);
  }
  std::filesystem::path backup() const { return folder.path() / "backup"; }
  // Of the blobs alone: what it would make of the catalog takes room of the disk too.
  void back_up() {
    std::filesystem::create_directories(backup());
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.data / "blobs")) {
      if (entry.is_regular_file())
        std::filesystem::create_hard_link(entry.path(), backup() / entry.path().filename());
    }
  }
  void give(uint64_t bytes) {
    available = bytes;
    disk.set_space({64ULL << 30, available});
  }
  // What is removed for good gives the disk its bytes back, as where no backup has another name for it.
  void free_on_removal() {
    disk.watch_by([this](test::FaultyDisk::Operation operation, const std::filesystem::path& path) {
      if (operation == test::FaultyDisk::Operation::remove && path.parent_path().filename() == "trash")
        give(available + on_disk(kBlobBytes));
    });
  }
};

TEST_CASE("a mirror gives the disk what it lacks") {
  ShortWorld world(6 * on_disk(kBlobBytes));
  world.free_on_removal();
  for (int i = 0; i < 3; ++i) world.store->measure();
  CHECK(world.files_in("blobs") == 4);
  REQUIRE(world.store->capacity().reserve("dockerhub", kBlobBytes));
  CHECK(world.files_in("blobs") == 3);
  CHECK_FALSE(world.log.contains("eviction_frees_nothing"));
}

TEST_CASE(
    "where what goes frees nothing, because a backup has another name for it, the mirrors are not emptied") {
  const uint64_t missing = GENERATE(on_disk(kBlobBytes) / 2, 9 * on_disk(kBlobBytes));
  ShortWorld world(missing);
  world.back_up();
  for (int i = 0; i < 20; ++i) {
    world.store->measure();
    CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes).error().kind == Error::Kind::full);
    world.clock.advance(30s);
  }
  CHECK(world.files_in("blobs") >= 6);
  CHECK(world.log.count("eviction_frees_nothing") == 1);

  // Without the backup the disk has what went back, and gets what goes.
  std::filesystem::remove_all(world.backup());
  world.give(world.available + (10 - world.files_in("blobs")) * on_disk(kBlobBytes));
  world.free_on_removal();
  world.store->measure();
  CHECK(world.available >= ShortWorld::kMargin);
  CHECK(world.log.count("eviction_frees_nothing") == 1);
}

TEST_CASE("a bound of the store is kept, whatever the disk gets back") {
  ShortWorld world(on_disk(kBlobBytes));
  world.back_up();
  for (int i = 0; i < 3; ++i) world.store->measure();
  REQUIRE(world.files_in("blobs") == 6);
  world.settings.route_bytes_max["dockerhub"] = 2 * on_disk(kBlobBytes);
  REQUIRE(world.open());
  CHECK(world.files_in("blobs") == 2);
}

TEST_CASE("bytes of a fill that are written already are not promised a second time") {
  StoreWorld world;
  REQUIRE(world.open());
  const uint64_t margin = 16ULL << 20;
  world.disk.set_space({64ULL << 30, margin + 2 * on_disk(kBlobBytes)});
  auto partial = world.store->partials().receive("dockerhub", store::Partials::fill_id(digest_of("x")),
                                                 Algorithm::sha256);
  REQUIRE(world.store->capacity().grow(partial->reservation, kBlobBytes));
  REQUIRE(partial->writer->append(content_of(kBlobBytes, 9)));
  world.disk.set_space({64ULL << 30, margin + on_disk(kBlobBytes)});
  CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes));
}

TEST_CASE("a blob that cannot be removed stays for this time, and does not keep the others from going") {
  BoundedWorld world(2);
  for (uint32_t seed = 0; seed < 2; ++seed) {
    REQUIRE(world.put(kAlpine, content_of(kBlobBytes, seed)));
    world.clock.advance(2min);
  }
  REQUIRE(world.open());
  const auto path = world.store->parts().files.path_of(digest_of(content_of(kBlobBytes, 0)));
  std::filesystem::remove(path);
  std::filesystem::create_directories(path / "in the way");  // unlink() fails
  CHECK(world.store->capacity().reserve("dockerhub", kBlobBytes));
  CHECK_FALSE(world.holds(content_of(kBlobBytes, 1)));
  CHECK(world.log.contains("eviction_failed"));
  std::filesystem::remove_all(path);
  REQUIRE(world.open());
  CHECK_FALSE(world.store->recovered().was_clean);
}

TEST_CASE("no manifest goes while a blob is left, however many manifests are older") {
  StoreWorld world;
  REQUIRE(world.open());
  for (int i = 0; i < 70; ++i) {
    const std::string bytes = "manifest " + std::to_string(i);
    REQUIRE(world.store->manifests().put(kAlpine, digest_of(bytes), bytes, {}, std::to_string(i),
                                         Durability::buffered));
  }
  world.clock.advance(2min);
  REQUIRE(world.put(kAlpine, content_of(4096, 1)));
  world.settings.route_bytes_max["dockerhub"] = 71 * 4096;
  REQUIRE(world.open());
  REQUIRE(world.store->capacity().reserve("dockerhub", 4096));
  CHECK(world.store->catalog().tags(kAlpine, "", 100)->size() == 70);
  CHECK_FALSE(world.holds(content_of(4096, 1)));
}

TEST_CASE("a bound that was lowered is kept from the next start on") {
  StoreWorld world;
  REQUIRE(world.open());
  for (uint32_t seed = 0; seed < 3; ++seed) {
    REQUIRE(world.put(kAlpine, content_of(kBlobBytes, seed)));
    world.clock.advance(2min);
  }
  world.settings.route_bytes_max["dockerhub"] = on_disk(kBlobBytes);
  REQUIRE(world.open());
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(kBlobBytes));
  CHECK(world.holds(content_of(kBlobBytes, 2)));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("who opens a store to ask keeps what is over a bound, and is told that it would go") {
  StoreWorld world;
  REQUIRE(world.open());
  for (uint32_t seed = 0; seed < 3; ++seed) REQUIRE(world.put(kAlpine, content_of(kBlobBytes, seed)));
  world.settings.route_bytes_max["dockerhub"] = on_disk(kBlobBytes);
  world.settings.keeps_bounds = false;
  world.disk.set_space({64ULL << 30, (16ULL << 20) - on_disk(kBlobBytes)});
  REQUIRE(world.open());
  CHECK(world.files_in("blobs") == 3);
  const auto plan = world.store->plan({});
  REQUIRE(plan);
  REQUIRE(plan->items.size() == 1);
  CHECK(plan->items[0].kind == Planned::Kind::mirror);
  CHECK(plan->items[0].route == "dockerhub");
  CHECK(plan->items[0].bytes == 2 * on_disk(kBlobBytes));
}

TEST_CASE("a partial whose sync failed is thrown away, not committed at the second try") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(5000, 1);
  world.disk.fail_each(test::FaultyDisk::Operation::sync);
  CHECK_FALSE(world.put(kAlpine, content));
  world.disk.heal();
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.store->budget().whole().taken() == 0);
  CHECK(world.store->parts().files.receiving_bytes() == 0);
  REQUIRE(world.put(kAlpine, content));
}

TEST_CASE("a use is written to the catalog at most once a minute") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(10, 0);
  REQUIRE(world.put(kAlpine, content));
  const auto used_at = [&] {
    return (*world.store->catalog().blob(digest_of(content), Reach::disk))->used_at;
  };
  const Time stored_at = used_at();
  world.clock.advance(30s);
  world.store->blobs().note_use(digest_of(content));
  REQUIRE(world.store->parts().use_times.flush());
  CHECK(used_at() == stored_at);
  world.clock.advance(31s);
  world.store->blobs().note_use(digest_of(content));
  REQUIRE(world.store->parts().use_times.flush());
  CHECK(used_at() == world.clock.now());
  CHECK(world.store->catalog().queues().least_recently_used("dockerhub", 10)->size() == 1);
}

// --- partials

TEST_CASE("a dropped partial stays, is accounted for, and is resumed") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string content = content_of(kBlobBytes, 1);
  const std::string id = store::Partials::fill_id(digest_of(content));
  {
    auto partial = world.store->partials().receive("dockerhub", id, Algorithm::sha256);
    REQUIRE(world.store->capacity().grow(partial->reservation, content.size()));
    REQUIRE(partial->writer->append(std::span<const char>(content).first(10'000)));
    CHECK(world.store->partials().receive("dockerhub", id, Algorithm::sha256).error().kind ==
          Error::Kind::conflict);
  }
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(10'000));
  CHECK(world.store->budget().whole().reserved == 0);
  REQUIRE(world.open());
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(10'000));
  {
    auto partial = world.store->partials().receive("dockerhub", id, Algorithm::sha256);
    CHECK(partial->writer->written() == 10'000);
    CHECK(partial->reservation.held() == on_disk(10'000));
  }
  REQUIRE(world.put(kAlpine, content));
  CHECK(world.holds(content));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("an abandoned partial that cannot be opened is as long as it was") {
  StoreWorld world;
  REQUIRE(world.open());
  {
    auto partial = world.store->partials().receive("private", "upload-1", Algorithm::sha256);
    REQUIRE(partial->writer->append(content_of(5'000, 1)));
    world.store->partials().end(*std::move(partial), Partials::End::abandoned);
  }
  world.disk.fail_each(test::FaultyDisk::Operation::open_for_writing);
  CHECK_FALSE(world.store->partials().receive("private", "upload-1", Algorithm::sha256));
  world.disk.heal();
  CHECK(world.store->partials().abandoned_bytes("upload-1") == 5'000);
  CHECK(world.store->budget().of("private").stored == on_disk(5'000));
}

TEST_CASE("a partial is resumed for another route on that one's account") {
  StoreWorld world;
  world.settings.route_bytes_max["ghcr"] = 2 * on_disk(kBlobBytes);
  REQUIRE(world.open());
  const std::string id = store::Partials::fill_id(digest_of("x"));
  {
    auto partial = world.store->partials().receive("dockerhub", id, Algorithm::sha256);
    REQUIRE(world.store->capacity().grow(partial->reservation, kBlobBytes));
    REQUIRE(partial->writer->append(content_of(kBlobBytes, 1)));
  }
  auto partial = world.store->partials().receive("ghcr", id, Algorithm::sha256);
  REQUIRE(partial);
  CHECK(world.store->budget().of("dockerhub").taken() == 0);
  CHECK(world.store->budget().of("ghcr").reserved == on_disk(kBlobBytes));
}

TEST_CASE("a deleted or empty partial leaves nothing") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string id = store::Partials::fill_id(digest_of("x"));
  { CHECK(world.store->partials().receive("dockerhub", id, Algorithm::sha256)); }
  auto partial = world.store->partials().receive("dockerhub", id, Algorithm::sha256);
  REQUIRE(world.store->capacity().grow(partial->reservation, 5));
  REQUIRE(partial->writer->append(content_of(5, 1)));
  world.store->partials().end(*std::move(partial), store::Partials::End::deleted);
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.store->budget().whole().taken() == 0);
  CHECK(world.store->catalog().queues().upload_ids()->empty());
}

// --- manifests

TEST_CASE("a manifest, its tag and what it names appear together") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}";
  const Digest layer = digest_of("layer");
  ManifestContent content = manifest_naming({layer});
  content.record.subject = digest_of("subject");
  content.record.artifact_type = "sbom";
  content.referrer_descriptor = "{}";
  REQUIRE(
      world.store->manifests().put(kAlpine, digest_of(bytes), bytes, content, "3.20", Durability::buffered));
  CHECK(*world.store->manifests().bytes(kAlpine, digest_of(bytes)) == bytes);
  CHECK((*world.store->catalog().tag(kAlpine, "3.20", Reach::memory))->digest == digest_of(bytes));
  CHECK(*store::may_serve(world.store->catalog(), kAlpine, layer, Reach::memory));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), kTool, layer, Reach::memory));
  CHECK(world.store->catalog().referrers(kAlpine, digest_of("subject"), std::nullopt, 10)->size() == 1);
  CHECK(world.store->manifests().bytes(kTool, digest_of(bytes)).error().kind == Error::Kind::not_found);
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a referrer's record is short, and its whole descriptor goes with it") {
  const auto annotations = GENERATE(as<size_t>(), 10, 3'000'000);
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}",
                    whole = R"({"size":1,"annotations":{"a":")" + std::string(annotations, 'x');
  ManifestContent content = manifest_naming({});
  content.record.subject = digest_of("subject");
  content.record.artifact_type = "sbom";
  content.short_descriptor = R"({"size":1})";
  content.referrer_descriptor = whole;
  const auto put = [&] {
    return world.store->manifests().put(kAlpine, digest_of(bytes), bytes, content, "", Durability::buffered);
  };
  REQUIRE(put());
  const auto& catalog = world.store->catalog();
  const auto listed = catalog.referrers(kAlpine, digest_of("subject"), std::nullopt, 10);
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().record.artifact_type == "sbom");
  CHECK(listed->front().record.descriptor.size() <= ReferrerRecord::kShortBytes);
  CHECK(listed->front().record.listed_bytes() == whole.size());
  CHECK(catalog.whole_descriptor(kAlpine, digest_of("subject"), listed->front()) == whole);
  REQUIRE(world.store->references().delete_manifest(kAlpine, digest_of(bytes)));
  CHECK(catalog.referrer_digests(kAlpine, digest_of("subject"), std::nullopt, 10)->empty());
  const bool is_parted = listed->front().record.whole_bytes > 0;
  CHECK(is_parted == (annotations > 10));
  if (is_parted) CHECK(catalog.whole_descriptor(kAlpine, digest_of("subject"), listed->front())->empty());
}

TEST_CASE("a manifest that is held already takes no more room, and keeps the time at which its tag was set") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}";
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(bytes), bytes, manifest_naming({}), "latest",
                                       Durability::buffered));
  const Time first = world.clock.now();
  world.clock.advance(1h);
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(bytes), bytes, manifest_naming({}), "latest",
                                       Durability::buffered));
  REQUIRE(world.store->manifests().put(kTool, digest_of(bytes), bytes, manifest_naming({}), "",
                                       Durability::buffered));
  const auto tag = *world.store->catalog().tag(kAlpine, "latest", Reach::disk);
  CHECK(tag->set_at == first);
  CHECK(tag->checked_at == world.clock.now());
  CHECK(world.store->budget().whole().stored == on_disk(1));
  CHECK(*world.store->manifests().bytes(kTool, digest_of(bytes)) == bytes);
}

TEST_CASE("bytes that are not the digest are refused as a manifest") {
  StoreWorld world;
  REQUIRE(world.open());
  CHECK(world.store->manifests()
            .put(kAlpine, digest_of("a"), "b", {}, "latest", Durability::buffered)
            .error()
            .kind == Error::Kind::corrupt);
  CHECK(world.files_in("incoming") + world.files_in("blobs") == 0);
  CHECK(world.store->budget().whole().taken() == 0);
}

TEST_CASE("a manifest whose stored bytes have rotted is not served but forgotten, with its tag") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}";
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(bytes), bytes, manifest_naming({}), "latest",
                                       Durability::buffered));
  const auto file = *world.disk.open_for_writing(world.store->parts().files.path_of(digest_of(bytes)));
  REQUIRE(world.disk.write(*file, 3, std::string("X")));
  CHECK(world.store->manifests().bytes(kAlpine, digest_of(bytes)).error().kind == Error::Kind::corrupt);
  CHECK(world.store->manifests().bytes(kAlpine, digest_of(bytes)).error().kind == Error::Kind::not_found);
  CHECK_FALSE(world.store->catalog().tag(kAlpine, "latest", Reach::disk)->has_value());
  CHECK(world.store->budget().whole().stored == 0);
}

TEST_CASE(
    "an evicted blob may still be served, once it is fetched again, if a manifest names it; a mirror's link "
    "goes with it") {
  BoundedWorld world(1);
  const std::string content = content_of(kBlobBytes, 0);
  const std::string unnamed = content_of(5, 7);
  REQUIRE(world.store->manifests().put(kAlpine, digest_of("m"), "m", manifest_naming({digest_of(content)}),
                                       "", Durability::buffered));
  REQUIRE(world.put(kAlpine, content));
  REQUIRE(world.put(kAlpine, unnamed));
  world.clock.advance(2min);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 1)));
  CHECK_FALSE(world.holds(content));
  CHECK(*store::may_serve(world.store->catalog(), kAlpine, digest_of(content), Reach::disk));
  REQUIRE(world.store->blobs().delete_damaged(digest_of(unnamed)));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), kAlpine, digest_of(unnamed), Reach::disk));
  CHECK(world.store->catalog().by_digest().links(digest_of(content))->empty());
}

TEST_CASE("manifests go last, and with them their tags, edges and referrers") {
  BoundedWorld world(2);
  const std::string bytes = content_of(kBlobBytes, 5);
  ManifestContent content = manifest_naming({digest_of("layer")});
  content.record.subject = digest_of("subject");
  content.referrer_descriptor = "{}";
  REQUIRE(
      world.store->manifests().put(kAlpine, digest_of(bytes), bytes, content, "3.20", Durability::buffered));
  world.clock.advance(2min);
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 1)));
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 2)));  // the younger blob went, not the manifest
  CHECK(*world.store->manifests().bytes(kAlpine, digest_of(bytes)) == bytes);
  const auto reader = world.store->blobs().open(digest_of(content_of(kBlobBytes, 2)));
  REQUIRE(world.put(kAlpine, content_of(kBlobBytes, 3)));
  const Catalog& catalog = world.store->catalog();
  CHECK_FALSE(catalog.tag(kAlpine, "3.20", Reach::disk)->has_value());
  CHECK_FALSE(catalog.manifest(kAlpine, digest_of(bytes), Reach::disk)->has_value());
  CHECK(catalog.by_digest().parents(digest_of("layer"))->empty());
  CHECK(catalog.children(kAlpine, digest_of(bytes))->empty());
  CHECK(catalog.referrers(kAlpine, digest_of("subject"), std::nullopt, 10)->empty());
}

TEST_CASE("a manifest whose stored bytes have rotted is written anew when it is put again") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}";
  REQUIRE(world.store->manifests().put(kPrivate, digest_of(bytes), bytes, {}, "latest", Durability::synced));
  const auto file = *world.disk.open_for_writing(world.store->parts().files.path_of(digest_of(bytes)));
  REQUIRE(world.disk.write(*file, 3, std::string("X")));
  REQUIRE(world.store->manifests().put(kPrivate, digest_of(bytes), bytes, {}, "latest", Durability::synced));
  CHECK(*world.store->manifests().bytes(kPrivate, digest_of(bytes)) == bytes);
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a tag is put only on a manifest that the repository has") {
  StoreWorld world;
  REQUIRE(world.open());
  const std::string bytes = "{manifest}";
  CHECK(world.store->references()
            .put_tag(kAlpine, "latest", {digest_of(bytes), "", {}, {}}, Durability::buffered)
            .error()
            .kind == Error::Kind::not_found);
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(bytes), bytes, manifest_naming({}), "",
                                       Durability::buffered));
  CHECK(world.store->references().put_tag(kAlpine, "latest", {digest_of(bytes), "", {}, {}},
                                          Durability::buffered));
}

TEST_CASE(
    "threads that fill a store which is too small never pass its bound, and the accounts are right in the "
    "end") {
  BoundedWorld world(4);
  const uint64_t bound = world.settings.bytes_max;
  std::atomic<int> wrong = 0;
  std::atomic<int> stored = 0;
  const auto fill = [&](uint32_t offset) {
    for (uint32_t i = 0; i < 25; ++i) {
      const std::string content = content_of(kBlobBytes, (offset * 7 + i) % 11);
      const auto blob = world.put(i % 2 ? kAlpine : kTool, content);
      if (blob) ++stored;
      if (!blob && blob.error().kind != Error::Kind::full && blob.error().kind != Error::Kind::conflict)
        ++wrong;
      if (world.store->budget().whole().taken() > bound) ++wrong;
      world.store->blobs().note_use(digest_of(content));
      if (i % 5 == 0) wrong += !world.store->parts().use_times.flush().has_value();
      const auto put = world.store->manifests().put(
          kTool, digest_of("m"), "m", manifest_naming({digest_of(content)}), "t", Durability::buffered);
      if (!put && put.error().kind != Error::Kind::full) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) threads.emplace_back(fill, i);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(stored > 0);
  CHECK(world.store->budget().whole().reserved == 0);
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

}  // namespace
}  // namespace breakwater::store
