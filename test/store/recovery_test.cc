#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/files/files.h"
#include "store/references/manifest_content.h"
#include "store/references/route_rules.h"
#include "store/store.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

#include <fstream>

namespace breakwater::store {
namespace {

using test::content_of;
using test::digest_of;
using test::StoreWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kPrivate{"private", "app"};

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

struct StoredWorld : StoreWorld {
  std::string content = content_of(9000, 1);
  StoredWorld() {
    REQUIRE(open());
    REQUIRE(put(kAlpine, content));
  }
};

TEST_CASE("after a clean stop the catalog is believed and no file is looked at") {
  StoredWorld world;
  const auto lists = [&world] {
    return world.disk.count(test::FaultyDisk::Operation::list) -
           world.disk.count(test::FaultyDisk::Operation::list, world.settings.data / "catalog");
  };
  const uint64_t before = lists();
  REQUIRE(world.open());
  CHECK(world.store->recovered().was_clean);
  CHECK(world.store->recovered().blobs == 1);
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(9000));
  // The two folders of blobs, incoming/ and trash/.
  CHECK(lists() - before <= 4);
  CHECK(world.holds(world.content));
}

TEST_CASE("after a crash everything is still there") {
  StoredWorld world;
  world.crash();
  REQUIRE(world.open());
  CHECK_FALSE(world.store->recovered().was_clean);
  CHECK(world.store->recovered().blobs == 1);
  CHECK(world.store->recovered().records_dropped + world.store->recovered().files_adopted == 0);
  CHECK(world.holds(world.content));
  world.crash();  // and a crash after a crash is one too
  REQUIRE(world.open());
  CHECK_FALSE(world.store->recovered().was_clean);
}

TEST_CASE("a record without its file is dropped, with the manifest and the tag that it was") {
  StoredWorld world;
  REQUIRE(world.store->manifests().put(kAlpine, digest_of("m"), "m", {}, "latest", Durability::buffered));
  const auto path = world.store->parts().files.path_of(digest_of("m"));
  world.crash();
  std::filesystem::remove(path);
  REQUIRE(world.open());
  CHECK(world.store->recovered().records_dropped == 1);
  CHECK_FALSE(world.store->catalog().tag(kAlpine, "latest", Reach::disk)->has_value());
  CHECK_FALSE(world.store->catalog().manifest(kAlpine, digest_of("m"), Reach::disk)->has_value());
  CHECK(world.store->budget().whole().stored == on_disk(9000));
}

TEST_CASE("a registry's tag is kept when its manifest's file is lost, and the loss is told") {
  StoredWorld world;
  REQUIRE(world.store->manifests().put(kPrivate, digest_of("m"), "m", {}, "latest", Durability::synced));
  const auto path = world.store->parts().files.path_of(digest_of("m"));
  world.crash();
  std::filesystem::remove(path);
  REQUIRE(world.open());
  CHECK(world.log.contains("blob_lost"));
  CHECK(world.store->catalog().tag(kPrivate, "latest", Reach::disk)->has_value());
  CHECK(world.store->blobs().open(digest_of("m")).error().kind == Error::Kind::not_found);
}

TEST_CASE("a file of another size than its record is found when it is opened, and removed") {
  for (const uint64_t size : {0UL, 8999UL, 9001UL}) {
    StoredWorld world;
    const auto path = world.store->parts().files.path_of(digest_of(world.content));
    world.crash();
    std::filesystem::resize_file(path, size);
    REQUIRE(world.open());
    CHECK_FALSE(world.holds(world.content));
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(world.store->budget().whole().stored == 0);
  }
}

TEST_CASE("a file without a record is adopted, on account of the repository that names it") {
  StoredWorld world;
  const std::string adopted = content_of(20'000, 2);
  ManifestContent names;
  names.children.push_back({digest_of(adopted), {}});
  REQUIRE(world.store->manifests().put(kAlpine, digest_of("m"), "m", names, "", Durability::buffered));
  const auto path = world.store->parts().files.path_of(digest_of(adopted));
  world.crash();
  write_file(path, adopted);
  REQUIRE(world.open());
  CHECK(world.store->recovered().files_adopted == 1);
  CHECK(world.holds(adopted));
  CHECK((*world.store->catalog().blob(digest_of(adopted), Reach::disk))->route == "dockerhub");
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("a manifest's file without a record goes on the account of who pushes the manifest") {
  StoredWorld world;
  const auto path = world.store->parts().files.path_of(digest_of("m"));
  world.crash();
  write_file(path, "m");
  REQUIRE(world.open());
  REQUIRE((*world.store->catalog().blob(digest_of("m"), Reach::disk))->route.empty());
  REQUIRE(world.store->manifests().put(kPrivate, digest_of("m"), "m", {}, "", Durability::synced));
  CHECK((*world.store->catalog().blob(digest_of("m"), Reach::disk))->route == "private");
  CHECK(world.store->budget().of("private").stored == on_disk(1));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("an unknown file that is empty or not its digest is removed; the empty blob is one") {
  StoredWorld world;
  const auto empty = world.store->parts().files.path_of(digest_of("x"));
  const auto wrong = world.store->parts().files.path_of(digest_of("y"));
  const auto right = world.store->parts().files.path_of(digest_of(""));
  world.crash();
  write_file(empty, "");
  write_file(wrong, "z");
  write_file(right, "");
  REQUIRE(world.open());
  CHECK_FALSE(std::filesystem::exists(empty));
  CHECK_FALSE(std::filesystem::exists(wrong));
  CHECK(world.store->recovered().files_removed == 2);
  CHECK(world.store->blobs().open(digest_of("")));
}

TEST_CASE(
    "what a mirror has left that is not configured any more can be evicted, unless it has become a "
    "registry") {
  const bool has_become_registry = GENERATE(false, true);
  StoredWorld world;
  world.settings.mirror_routes = {"ghcr"};
  if (has_become_registry) world.settings.registry_routes = {"dockerhub"};
  world.settings.bytes_max = 64 << 20;
  REQUIRE(world.open());
  REQUIRE(world.open());  // remembered from start to start
  CHECK(world.store->rules().is_mirror("dockerhub") != has_become_registry);
  const auto& budget = world.store->budget();
  // A sixteenth is kept for the catalog.
  const uint64_t all = world.settings.bytes_max / 16 * 15 - budget.overhead();
  CHECK(world.store->capacity().reserve("ghcr", all / 4096 * 4096).has_value() != has_become_registry);
  CHECK(world.holds(world.content) == has_become_registry);
}

TEST_CASE("a blob that nobody is known to own can be evicted") {
  StoredWorld world;
  const std::string orphan = content_of(20'000, 2);
  const auto path = world.store->parts().files.path_of(digest_of(orphan));
  world.crash();
  write_file(path, orphan);
  REQUIRE(world.open());
  world.settings.bytes_max = 64 << 20;
  REQUIRE(world.open());
  const auto& budget = world.store->budget();
  // A sixteenth is kept for the catalog.
  const uint64_t all = world.settings.bytes_max / 16 * 15 - budget.overhead();
  REQUIRE(world.store->capacity().reserve("dockerhub", all / 4096 * 4096));
  CHECK_FALSE(world.holds(orphan));
}

TEST_CASE(
    "partials of fills and known uploads are kept over a crash; whatever else lies in incoming is removed") {
  StoredWorld world;
  const std::string fill = store::Partials::fill_id(digest_of("x"));
  {
    auto partial = world.store->partials().receive("dockerhub", fill, Algorithm::sha256);
    REQUIRE(world.store->capacity().grow(partial->reservation, 5000));
    REQUIRE(partial->writer->append(content_of(5000, 1)));
    Batch batch;
    batch.put_upload("upload-1", {"private", "app", Algorithm::sha256, {}});
    REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::synced));
  }
  world.crash();
  const auto incoming = world.settings.data / "incoming";
  write_file(incoming / "upload-1", "abc");
  write_file(incoming / "upload-2", "abc");
  write_file(incoming / "fill-sha256-short", "abc");
  write_file(incoming / store::Partials::fill_id(digest_of("empty")), "");
  REQUIRE(world.open());
  CHECK(world.store->recovered().partials == 2);
  CHECK(world.files_in("incoming") == 2);
  CHECK(world.store->budget().of("dockerhub").stored == on_disk(9000) + on_disk(5000));
  CHECK(world.store->budget().of("private").stored == on_disk(3));
  CHECK(world.store->partials().receive("dockerhub", fill, Algorithm::sha256)->writer->written() == 5000);
}

TEST_CASE("a mirror's blob that was evicted just before a power cut is told as no loss") {
  StoredWorld world;
  REQUIRE(world.store->sync());
  REQUIRE(*world.store->blobs().evict(digest_of(world.content)));
  world.crash();
  world.disk.power_cut(test::FaultyDisk::Names::kept);
  REQUIRE(world.open());
  REQUIRE(world.store->recovered().records_dropped == 1);
  CHECK_FALSE(world.log.contains("blob_lost"));
  CHECK(world.log.contains("info blob_evicted_before"));
  CHECK(world.store->budget().whole().stored == 0);
}

TEST_CASE("what a registry needs and a mirror counts is lost all the same") {
  StoredWorld world;
  REQUIRE(world.put({"dockerhub", "library/busybox"}, "m"));
  REQUIRE(world.store->manifests().put(kPrivate, digest_of("n"), "n", {}, "latest", Durability::synced));
  ManifestContent names;
  names.children.push_back({digest_of("m"), {}});
  REQUIRE(world.store->manifests().put(kPrivate, digest_of("o"), "o", names, "other", Durability::synced));
  const auto path = world.store->parts().files.path_of(digest_of("m"));
  world.crash();
  std::filesystem::remove(path);
  REQUIRE(world.open());
  CHECK(world.log.contains("error blob_lost"));
}

TEST_CASE("an upload that was refused for want of room is known as abandoned after a start too") {
  const bool is_killed = GENERATE(false, true);
  StoredWorld world;
  for (const char* id : {"upload-refused", "upload-kept"}) {
    REQUIRE(world.store->partials().put_upload(id, {"private", "app", Algorithm::sha256, {}}));
    auto partial = world.store->partials().receive("private", id, Algorithm::sha256);
    REQUIRE(partial->writer->append(content_of(5000, 1)));
    const bool is_refused = id == std::string("upload-refused");
    world.store->partials().end(*std::move(partial),
                                is_refused ? Partials::End::abandoned : Partials::End::kept);
  }
  if (is_killed) world.crash();
  REQUIRE(world.open());
  CHECK(world.store->partials().abandoned_bytes("upload-refused") == 5000);
  CHECK_FALSE(world.store->partials().abandoned_bytes("upload-kept"));
}

TEST_CASE("no record stays of an upload that nobody can continue") {
  StoredWorld world;
  const std::string fill = store::Partials::fill_id(digest_of("x"));
  { auto begun = world.store->partials().receive("dockerhub", fill, Algorithm::sha256); }
  CHECK_FALSE(world.store->catalog().upload(fill, Reach::disk)->has_value());

  REQUIRE(world.store->partials().put_upload("upload-1", {"private", "app", Algorithm::sha256, {}}));
  REQUIRE(world.store->partials().put_upload("upload-2", {"other", "app", Algorithm::sha256, {}}));
  world.settings.mirror_routes.push_back("other");  // was a registry
  REQUIRE(world.open());
  CHECK(*world.store->catalog().queues().upload_ids() == std::vector<std::string>{"upload-1"});
}

}  // namespace
}  // namespace breakwater::store
