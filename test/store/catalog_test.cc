#include "store/catalog/catalog.h"

#include <thread>

#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kAlpineSlim{"dockerhub", "library/alpine-slim"};

Digest digest(const std::string& name) { return test::digest_of(name); }
Time at(int64_t ms) { return Time(std::chrono::milliseconds(ms)); }

struct World {
  test::Folder folder;
  std::unique_ptr<Disk> disk = make_posix_disk();
  std::unique_ptr<Catalog> catalog = *Catalog::open(*disk, folder.path() / "catalog", 8 << 20);

  template <class Fill>
  void write(Fill fill, Durability durability = Durability::buffered) {
    Batch batch;
    fill(batch);
    REQUIRE(catalog->write(std::move(batch), durability));
  }
  void reopen() {
    catalog.reset();
    catalog = *Catalog::open(*disk, folder.path() / "catalog", 8 << 20);
  }
};

TEST_CASE("what one batch wrote is there after a restart, all of it") {
  World world;
  world.write([](Batch& batch) {
    batch.put_manifest(kAlpine, digest("m"), {"type", 7, digest("s"), "", at(1), at(2)});
    batch.put_edge(digest("layer"), kAlpine, digest("m"), {"layer", 5, false});
    batch.put_tag(kAlpine, "3.20", {digest("m"), "type", at(1), at(1)}, std::nullopt);
    batch.put_referrer(kAlpine, digest("s"), digest("m"), {"{}", "sbom"});
    batch.put_link(digest("layer"), kAlpine, {});
    batch.put_upload("id", {"private", "a", Algorithm::sha256, at(1)});
    batch.put_blob(digest("layer"), {5, "dockerhub", at(1), at(1)}, std::nullopt);
  });
  world.reopen();
  const Catalog& catalog = *world.catalog;
  CHECK((*catalog.manifest(kAlpine, digest("m"), Reach::disk))->size == 7);
  CHECK((*catalog.tag(kAlpine, "3.20", Reach::disk))->digest == digest("m"));
  CHECK((*catalog.parent_in(digest("layer"), kAlpine, Reach::disk))->parent == digest("m"));
  CHECK(catalog.by_digest().parents(digest("layer"))->size() == 1);
  CHECK(catalog.children(kAlpine, digest("m"))->at(0) == digest("layer"));
  CHECK(catalog.referrers(kAlpine, digest("s"), std::nullopt, 10)->at(0).record.artifact_type == "sbom");
  CHECK(catalog.by_digest().links(digest("layer"))->at(0) == kAlpine);
  CHECK(*catalog.has_link(digest("layer"), kAlpine, Reach::disk));
  CHECK((*catalog.upload("id", Reach::disk))->touched_at == at(1));
  CHECK(*catalog.queues().upload_ids() == std::vector<std::string>{"id"});
  CHECK((*catalog.blob(digest("layer"), Reach::disk))->size == 5);
  CHECK(catalog.by_digest().manifests_of(digest("m"))->at(0).repository == kAlpine);
}

TEST_CASE("what is absent is empty, and no error") {
  World world;
  CHECK_FALSE(world.catalog->tag(kAlpine, "3.20", Reach::disk)->has_value());
  CHECK_FALSE(world.catalog->parent_in(digest("x"), kAlpine, Reach::memory)->has_value());
  CHECK(world.catalog->tags(kAlpine, "", 10)->empty());
  CHECK(world.catalog->repositories("dockerhub", "", 10)->empty());
}

TEST_CASE("what was removed is gone from every index") {
  World world;
  const BlobRecord blob{5, "dockerhub", at(1), at(1)};
  world.write([&](Batch& batch) {
    batch.put_manifest(kAlpine, digest("m"), {});
    batch.put_edge(digest("layer"), kAlpine, digest("m"), {});
    batch.put_blob(digest("layer"), blob, std::nullopt);
  });
  world.write([&](Batch& batch) {
    batch.delete_manifest(kAlpine, digest("m"));
    batch.delete_edge(digest("layer"), kAlpine, digest("m"));
    batch.delete_blob(digest("layer"), blob);
  });
  CHECK(world.catalog->by_digest().manifests_of(digest("m"))->empty());
  CHECK(world.catalog->children(kAlpine, digest("m"))->empty());
  CHECK(world.catalog->by_digest().parents(digest("layer"))->empty());
  CHECK(world.catalog->queues().least_recently_used("dockerhub", 10)->empty());
  CHECK(world.catalog->repositories("dockerhub", "", 10)->empty());
}

TEST_CASE("tags come in byte order, from after the last one, at most as many as asked") {
  World world;
  world.write([](Batch& batch) {
    for (const char* tag : {"b", "a", "C", "a-1", "a.1", "latest"})
      batch.put_tag(kAlpine, tag, {digest(tag), "", {}, {}}, std::nullopt);
    batch.put_tag(kAlpineSlim, "other", {digest("o"), "", {}, {}}, std::nullopt);
  });
  const auto names = [&](const std::string& last, size_t limit) {
    std::vector<std::string> found;
    const auto tags = world.catalog->tags(kAlpine, last, limit);
    for (const NamedTag& tag : *tags) found.push_back(tag.tag);
    return found;
  };
  CHECK(names("", 100) == std::vector<std::string>{"C", "a", "a-1", "a.1", "b", "latest"});
  CHECK(names("a", 2) == std::vector<std::string>{"a-1", "a.1"});
  CHECK(names("a-", 1) == std::vector<std::string>{"a-1"});
  CHECK(names("latest", 5).empty());
  CHECK(names("", 0).empty());
}

TEST_CASE("repositories are listed once each, in byte order") {
  World world;
  world.write([](Batch& batch) {
    for (const char* name : {"library/alpine", "library/alpine-slim", "library/alpine/extra", "a"}) {
      batch.put_manifest({"dockerhub", name}, digest("m"), {});
      batch.put_manifest({"dockerhub", name}, digest("n"), {});
    }
    batch.put_manifest({"ghcr", "b"}, digest("m"), {});
  });
  CHECK(*world.catalog->repositories("dockerhub", "", 10) ==
        std::vector<std::string>{"a", "library/alpine", "library/alpine-slim", "library/alpine/extra"});
  CHECK(*world.catalog->repositories("dockerhub", "library/alpine", 1) ==
        std::vector<std::string>{"library/alpine-slim"});
}

TEST_CASE(
    "who names a digest is told once each: repositories, and routes with those that have a link to it") {
  World world;
  const Digest longer = store::digest_of(Algorithm::sha512, std::string("layer"));
  world.write([&](Batch& batch) {
    for (const Digest& child : {digest("layer"), longer}) {
      for (const RepositoryKey& repository :
           {kAlpine, kAlpineSlim, RepositoryKey{"ghcr", "b"}, RepositoryKey{"", "nobody's"}}) {
        for (const char* parent : {"m", "n"}) batch.put_edge(child, repository, digest(parent), {});
      }
      batch.put_link(child, kAlpine, {});
      batch.put_link(child, {"private", "c"}, {});
      batch.put_link(child, {"private", "d"}, {});
    }
    batch.put_edge(digest("other"), {"private", "c"}, digest("m"), {});
  });
  for (int i = 0; i < 2; ++i) {
    for (const Digest& child : {digest("layer"), longer}) {
      CHECK(*world.catalog->by_digest().repositories_naming(child) ==
            std::vector<RepositoryKey>{{"", "nobody's"}, kAlpine, kAlpineSlim, {"ghcr", "b"}});
      CHECK(*world.catalog->by_digest().routes_of(child) ==
            std::set<std::string>{"", "dockerhub", "ghcr", "private"});
    }
    CHECK(world.catalog->by_digest().repositories_naming(digest("unknown"))->empty());
    CHECK(world.catalog->by_digest().routes_of(digest("unknown"))->empty());
    REQUIRE(world.catalog->flush());
    world.reopen();
  }
}

TEST_CASE("blobs come in the order of their use, which a new use changes") {
  World world;
  const BlobRecord first{1, "dockerhub", at(1), at(1)};
  world.write([&](Batch& batch) {
    batch.put_blob(digest("first"), first, std::nullopt);
    batch.put_blob(digest("second"), {2, "dockerhub", at(2), at(2)}, std::nullopt);
    batch.put_blob(digest("elsewhere"), {2, "ghcr", at(0), at(0)}, std::nullopt);
  });
  CHECK(world.catalog->queues().least_recently_used("dockerhub", 1)->at(0).digest == digest("first"));
  world.write([&](Batch& batch) {
    batch.put_blob(digest("first"), {1, "dockerhub", at(1), at(300)}, first);
  });
  const auto used = *world.catalog->queues().least_recently_used("dockerhub", 10);
  REQUIRE(used.size() == 2);
  CHECK(used[0].digest == digest("second"));
  CHECK(used[1].record.used_at == at(300));
}

TEST_CASE(
    "a read from memory says would_block rather than read the disk, and answers once the disk was read") {
  World world;
  world.write([](Batch& batch) { batch.put_tag(kAlpine, "3.20", {digest("m"), "", {}, {}}, std::nullopt); });
  CHECK(world.catalog->tag(kAlpine, "3.20", Reach::memory)->has_value());  // still in the memtable
  REQUIRE(world.catalog->flush());
  world.reopen();
  const auto cold = world.catalog->tag(kAlpine, "3.20", Reach::memory);
  REQUIRE_FALSE(cold);
  CHECK(cold.error().kind == Error::Kind::would_block);
  CHECK(world.catalog->tag(kAlpine, "3.20", Reach::disk)->has_value());
  CHECK(world.catalog->tag(kAlpine, "3.20", Reach::memory)->has_value());
}

TEST_CASE("the mark of a clean stop is there only when it was set") {
  World world;
  CHECK_FALSE(*world.catalog->state().clean());
  REQUIRE(world.catalog->state().set_clean(true));
  world.reopen();
  CHECK(*world.catalog->state().clean());
  REQUIRE(world.catalog->state().set_clean(false));
  CHECK_FALSE(*world.catalog->state().clean());
  CHECK(world.catalog->disk_bytes() > 0);
}

TEST_CASE("digests of either length are keys that do not touch each other") {
  World world;
  const Digest longer = store::digest_of(Algorithm::sha512, std::string("m"));
  world.write([&](Batch& batch) {
    batch.put_edge(longer, kAlpine, digest("m"), {"long", 1, false});
    batch.put_edge(digest("m"), kAlpine, longer, {"short", 2, true});
  });
  CHECK(world.catalog->by_digest().parents(longer)->at(0).parent == digest("m"));
  CHECK(world.catalog->by_digest().parents(digest("m"))->at(0).parent == longer);
  CHECK(world.catalog->children(kAlpine, longer)->at(0) == digest("m"));
}

TEST_CASE("a tag and its manifest appear together to every reader") {
  World world;
  std::atomic<int> wrong = 0;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) {
      Batch batch;
      batch.put_manifest(kAlpine, digest(std::to_string(i)), {});
      batch.put_tag(kAlpine, "latest", {digest(std::to_string(i)), "", {}, {}}, std::nullopt);
      wrong += !world.catalog->write(std::move(batch), Durability::buffered).has_value();
    }
    done = true;
  });
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto tag = world.catalog->tag(kAlpine, "latest", Reach::disk);
        if (!tag || !*tag) continue;
        wrong += !world.catalog->manifest(kAlpine, (*tag)->digest, Reach::disk)->has_value();
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("a catalog that may open no file any more says so, and is written again as soon as it may") {
  test::Folder folder;
  test::FaultyDisk disk;
  test::FakeLog log;
  const auto catalog = *Catalog::open(disk, folder.path() / "catalog", 8 << 20, &log);
  CHECK(catalog->why_not_writable().empty());
  disk.fail_each(test::FaultyDisk::Operation::open_for_writing);
  disk.fail_each(test::FaultyDisk::Operation::open);
  disk.fail_each(test::FaultyDisk::Operation::list);
  const auto put = [&](int number) {
    Batch batch;
    const std::string tag = std::to_string(number);
    batch.put_tag(kAlpine, tag, {digest(tag), std::string(10'000, 't'), at(1), at(1)}, std::nullopt);
    return catalog->write(std::move(batch), Durability::synced);
  };
  int written = 0;
  while (written < 2000 && put(written)) ++written;
  REQUIRE(written < 2000);
  CHECK_FALSE(catalog->why_not_writable().empty());
  CHECK_FALSE(put(written));
  CHECK(log.count("catalog_read_only") == 1);
  CHECK(log.count("catalog_writable") == 0);
  disk.heal();
  CHECK(catalog->sync());
  CHECK(catalog->why_not_writable().empty());
  CHECK(log.count("catalog_writable") == 1);
  CHECK(put(written));
  for (int number = 0; number <= written; ++number)
    CHECK((*catalog->tag(kAlpine, std::to_string(number), Reach::disk)).has_value());
}

TEST_CASE("referrers are read until they have so many bytes, and then from there on") {
  World world;
  world.write([](Batch& batch) {
    for (const auto* name : {"a", "b", "c", "d"})
      batch.put_referrer(kAlpine, digest("s"), digest(name), {std::string(1000, 'x'), "sbom"});
  });
  const Catalog& catalog = *world.catalog;
  const auto some = catalog.referrers(kAlpine, digest("s"), std::nullopt, 10, 2500);
  REQUIRE(some);
  CHECK(some->size() == 3);
  CHECK(catalog.referrers(kAlpine, digest("s"), some->back().digest, 10, 2500)->size() == 1);
  CHECK(catalog.referrers(kAlpine, digest("s"), std::nullopt, 10, 1)->size() == 1);
}

}  // namespace
}  // namespace breakwater::store
