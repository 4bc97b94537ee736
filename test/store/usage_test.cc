// What fills the disk, and that it adds up.
#include "store/upkeep/usage.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <stop_token>

#include "store/references/pins.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using test::digest_of;
using test::PushedWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kBusybox{"dockerhub", "library/busybox"};
const RepositoryKey kApp{"ghcr", "org/app"};

Usage usage_of(Store& store, size_t repositories_max = UsageWalk::kRepositoriesMax) {
  UsageWalk walk(store.parts(), repositories_max);
  while (!walk.ended()) REQUIRE(walk.step());
  return walk.take();
}

// As `du` counts.
uint64_t disk_bytes(const std::filesystem::path& folder) {
  const auto bytes_of = [](const std::filesystem::path& path) -> uint64_t {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0 ? static_cast<uint64_t>(found.st_blocks) * 512 : 0;
  };
  uint64_t bytes = bytes_of(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    bytes += bytes_of(entry.path());
  return bytes;
}

void check_sums(const Usage& usage) {
  uint64_t paid = 0, incoming = 0;
  for (const auto& [route, use] : usage.routes) paid += use.paid_bytes, incoming += use.incoming_bytes;
  CHECK(paid == usage.blobs_bytes);
  CHECK(incoming == usage.incoming_bytes);
  uint64_t unique = usage.left_out.unique_bytes;
  for (const auto& [repository, use] : usage.repositories) unique += use.unique_bytes;
  CHECK(unique + usage.shared_bytes + usage.unheld_bytes == usage.blobs_bytes);
}

// Two mirrors and a registry that share layers; an upload, a download and a blob on their way.
struct SharedWorld : PushedWorld {
  const std::string alone = std::string(9000, 'a'), of_hub = std::string(5000, 'h'),
                    of_mirrors = std::string(17000, 'm'), of_all = std::string(30000, 'c');

  SharedWorld() {
    REQUIRE(put(kAlpine, of_hub));
    REQUIRE(put(kBusybox, of_hub));
    for (const RepositoryKey& repository : {kAlpine, kApp}) REQUIRE(put(repository, of_mirrors));
    for (const RepositoryKey& repository : {kBusybox, kApp}) REQUIRE(put(repository, of_all));
    upload(of_all);
    upload(alone);
    push("image", {digest_of(alone), digest_of(of_all)}, {"latest"});
    leave("private", "upload-1", 5000);
    leave("dockerhub", Partials::fill_id(digest_of("x")), 9000);
  }
  void leave(const std::string& route, const std::string& id, size_t size) {
    REQUIRE(store->partials().put_upload(id, {route, "team/app", Algorithm::sha256, {}}));
    auto partial = store->partials().receive(route, id, Algorithm::sha256);
    REQUIRE(partial->writer->append(std::string(size, 'x')));
    store->partials().end(*std::move(partial), Partials::End::kept);
  }
};

}  // namespace

TEST_CASE("what fills the disk adds up to what the disk says, to the byte, by route and by repository") {
  SharedWorld world;
  const Usage usage = usage_of(*world.store);
  check_sums(usage);
  CHECK(usage.total_bytes() == disk_bytes(world.settings.data));
  CHECK(usage.blobs_bytes + usage.incoming_bytes == world.store->budget().whole().stored);
}

TEST_CASE("what a route or a repository has alone is told apart from what it shares, and who pays for that") {
  SharedWorld world;
  Usage usage = usage_of(*world.store);
  CHECK(usage.repositories[kAlpine].unique_bytes == 0);
  CHECK(usage.repositories[kAlpine].shared_bytes == on_disk(5000) + on_disk(17000));
  CHECK(usage.repositories[world.app].unique_bytes == on_disk(9000) + on_disk(5));
  CHECK(usage.repositories[world.app].shared_bytes == on_disk(30000));
  CHECK(usage.shared_bytes == on_disk(5000) + on_disk(17000) + on_disk(30000));
  RouteUsage& hub = usage.routes["dockerhub"];
  CHECK(hub.unique_bytes == on_disk(5000));
  CHECK(hub.shared_bytes == on_disk(17000) + on_disk(30000));
  // Stored again by another mirror, it counts for that one.
  CHECK(hub.paid_bytes == on_disk(5000));
  CHECK(usage.routes["ghcr"].paid_bytes == on_disk(17000));
  // The registry has taken over what the mirrors had.
  CHECK(usage.routes["private"].paid_bytes == on_disk(9000) + on_disk(5) + on_disk(30000));
  CHECK(usage.routes["private"].incoming_bytes == on_disk(5000));
  for (const char* route : {"dockerhub", "ghcr", "private"})
    CHECK(usage.routes[route].paid_bytes + usage.routes[route].incoming_bytes ==
          world.store->budget().of(route).stored);
}

TEST_CASE("what each client brought adds up to the blobs, also after a restart") {
  SharedWorld world;
  const auto push_as = [&](const std::string& client, const std::string& content) {
    auto partial = world.store->partials().receive("private", "upload-" + client, Algorithm::sha256);
    REQUIRE(partial->writer->append(content));
    REQUIRE(partial->writer->verify(digest_of(content)));
    partial->writer->set_client(client);
    REQUIRE(world.store->commit_blob(*partial, world.app, Durability::synced));
  };
  push_as("10.0.0.1", std::string(3000, 'c'));
  push_as("10.0.0.2", std::string(6000, 'd'));
  push_as("10.0.0.1", std::string(9000, 'e'));
  // Whose it is already, it stays.
  push_as("10.0.0.2", std::string(9000, 'e'));
  const UploadRecord upload("private", "team/app", Algorithm::sha256, {}, false, {}, "10.0.0.3");
  REQUIRE(world.store->partials().put_upload("upload-x", upload));
  {
    auto partial = world.store->partials().receive("private", "upload-x", Algorithm::sha256);
    REQUIRE(partial->writer->append(std::string(100, 'x')));
    world.store->partials().end(*std::move(partial), Partials::End::kept);
  }
  const bool is_again = GENERATE(false, true);
  if (is_again) REQUIRE(world.open());
  Usage usage = usage_of(*world.store);
  CHECK(usage.clients[{"private", "10.0.0.1"}].bytes == on_disk(3000) + on_disk(9000));
  CHECK(usage.clients[{"private", "10.0.0.1"}].blobs == 2);
  CHECK(usage.clients[{"private", "10.0.0.2"}].bytes == on_disk(6000));
  CHECK(usage.clients[{"private", "10.0.0.3"}].incoming_bytes == on_disk(100));
  uint64_t sum = 0;
  for (const auto& [client, of_client] : usage.clients) sum += of_client.bytes;
  CHECK(sum == usage.blobs_bytes);
}

TEST_CASE("what deleting a route would give back is what forgetting it gives back") {
  SharedWorld world;
  const uint64_t told = usage_of(*world.store).routes["private"].freed_bytes;
  world.settings.registry_routes.clear();
  REQUIRE(world.open());
  const auto forgotten = world.store->forget_route("private", std::stop_token());
  REQUIRE(forgotten);
  CHECK(forgotten->bytes == told);
  CHECK(told == on_disk(9000) + on_disk(5) + on_disk(5000));
}

TEST_CASE("what nobody has any more and what is in the trash is told, and adds up") {
  SharedWorld world;
  REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  const Digest lonely = world.upload(std::string(7000, 'l'));
  Batch batch;
  batch.delete_link(lonely, world.app);
  REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
  REQUIRE(world.store->parts().files.trash(digest_of(world.of_hub)));
  const Usage usage = usage_of(*world.store);
  check_sums(usage);
  CHECK(usage.unheld_bytes == on_disk(7000));
  CHECK(usage.trash_bytes == on_disk(5000));
}

TEST_CASE("what pins keep is told beside what a mirror pays") {
  SharedWorld world;
  REQUIRE(world.store->references().pin({"ghcr", "org/app"}));
  REQUIRE(world.store->references().pin({"private", "*"}));
  Usage usage = usage_of(*world.store);
  CHECK(usage.routes["ghcr"].pinned_bytes == on_disk(17000));
  CHECK(usage.routes["dockerhub"].pinned_bytes == 0);
  CHECK(usage.routes["private"].pinned_bytes == 0);
}

TEST_CASE("of more repositories than are remembered the rest is added up, and the sum stays right") {
  PushedWorld world;
  for (int i = 0; i < 40; ++i) {
    const RepositoryKey repository{"dockerhub", "library/" + std::to_string(i)};
    REQUIRE(world.put(repository, std::string(5000, static_cast<char>('0' + i))));
  }
  const Usage usage = usage_of(*world.store, 10);
  check_sums(usage);
  CHECK(usage.is_cut);
  CHECK(usage.repositories.size() == 10);
  CHECK(usage.left_out.unique_bytes == 30 * on_disk(5000));
}

TEST_CASE("100 000 manifests that share layers add up, in steps that look at a bounded number of blobs",
          "[one-thread]") {
  constexpr int kManifests = 100'000, kLayers = 100, kAtOnce = 1000;
  PushedWorld world;
  const auto made = [](const char* kind, int number) { return digest_of(kind + std::to_string(number)); };
  uint64_t expected = 0;
  const auto add_blob = [&](Batch& batch, const Digest& digest, uint64_t size) {
    batch.put_blob(digest, {size, "private", {}, {}}, std::nullopt);
    expected += on_disk(size);
  };
  Catalog& catalog = world.store->parts().catalog;
  const uint64_t before = usage_of(*world.store).blobs_bytes;
  Batch layers;
  for (int i = 0; i < kLayers; ++i) add_blob(layers, made("layer", i), 1'000'000 + static_cast<uint64_t>(i));
  REQUIRE(catalog.write(std::move(layers), Durability::buffered));
  for (int from = 0; from < kManifests; from += kAtOnce) {
    Batch batch;
    for (int i = from; i < from + kAtOnce; ++i) {
      const Digest manifest = made("manifest", i);
      const RepositoryKey repository{"private", "team/" + std::to_string(i % 50)};
      add_blob(batch, manifest, static_cast<uint64_t>(i));
      batch.put_manifest(repository, manifest, {});
      batch.put_link(manifest, repository, {});
      // Each layer is in one repository, but for the first, which all have.
      for (const int layer : {0, i % 50 + 1, i % 50 + 50})
        batch.put_edge(made("layer", layer % kLayers), repository, manifest, {});
    }
    REQUIRE(catalog.write(std::move(batch), Durability::buffered));
  }
  const Usage usage = usage_of(*world.store);
  check_sums(usage);
  CHECK(usage.blobs_bytes == before + expected);
  CHECK(usage.blobs == kManifests + kLayers);
  CHECK(usage.unheld_bytes == 0);
  CHECK(usage.repositories.size() == 50);
  CHECK(usage.shared_bytes == on_disk(1'000'000) + on_disk(1'000'050));
}

}  // namespace breakwater::store
