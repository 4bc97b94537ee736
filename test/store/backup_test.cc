// A backup is a store as it was when the backup was asked for, or a little later, whatever happens meanwhile.
#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/references.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::test {
namespace {

using store::Digest;

struct Restored {
  explicit Restored(const std::filesystem::path& data) {
    settings.data = data;
    settings.mirror_routes = {"dockerhub", "ghcr"};
    auto opened = store::Store::open(settings, *disk, clock, log);
    if (!opened) FAIL(opened.error().message);
    store = *std::move(opened);
  }
  bool holds(const Digest& digest, const std::string& content) {
    const auto blob = store->blobs().open(digest);
    std::string found(content.size() + 1, '\0');
    const auto got = blob ? disk->read(*blob->file, 0, found) : Result<size_t>(0);
    return got && found.substr(0, *got) == content;
  }
  std::unique_ptr<store::Disk> disk = store::make_posix_disk();
  FakeClock clock;
  FakeLog log;
  store::StoreSettings settings;
  std::unique_ptr<store::Store> store;
};

}  // namespace

TEST_CASE("a backup is not made in the data folder, by whatever path") {
  PushedWorld world;
  const std::filesystem::path data = world.settings.data, top = world.folder.path();
  std::filesystem::create_directory_symlink(data, top / "link");
  std::filesystem::create_directory_symlink(data / "blobs", top / "deep");
  std::filesystem::create_directory_symlink(top, data / "out");
  for (const auto& to : {data, data / "", data / "backup", data / "backups/monday", data / "blobs/sha256/x",
                         top / "link/x", top / "link/not/there", top / "deep/x", top / "x/../data/y",
                         std::filesystem::relative(data / "x"), top}) {
    CAPTURE(to);
    const auto done = world.store->backup().back_up(to, std::stop_token());
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == Error::Kind::conflict);
  }
  CHECK(world.store->backup()
            .back_up(data / "x", std::stop_token())
            .error()
            .message.find("is in the data folder " + data.string()) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(data / "backup.incomplete"));
  // Through the data folder, but not in it; and beside it, by a name that begins as its own.
  CHECK(world.store->backup().back_up(data / "out/backup", std::stop_token()));
  CHECK(world.store->backup().back_up(data.string() + "-backup", std::stop_token()));
}

TEST_CASE("when the last backup was made is known after a restart, and one that failed is none") {
  PushedWorld world;
  CHECK(world.store->backup().last() == store::Time());
  const auto to = world.folder.path() / "backup";
  std::stop_source stopped;
  stopped.request_stop();
  world.push("image", {}, {"latest"});
  CHECK_FALSE(world.store->backup().back_up(to, stopped.get_token()));
  CHECK(world.store->backup().last() == store::Time());
  std::filesystem::remove_all(to.string() + ".incomplete");
  REQUIRE(world.store->backup().back_up(to, std::stop_token()));
  const auto made_at = world.store->clock().wall();
  world.pass(std::chrono::minutes(1));
  CHECK(world.store->backup().last() == made_at);
  world.store.reset();
  REQUIRE(world.open());
  CHECK(world.store->backup().last() == made_at);
}

TEST_CASE("a backup holds what was acknowledged, by hard link or by copy, and goes on alone") {
  PushedWorld world;
  const bool is_linked = GENERATE(true, false);
  if (!is_linked) world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  const std::string content = content_of(300'000, 1);
  const Digest layer = world.upload(content);
  const Digest image = world.push("image", {layer}, {"latest"});
  const auto to = world.folder.path() / "backups" / "one";
  const auto done = world.store->backup().back_up(to, std::stop_token());
  REQUIRE(done);
  CHECK(done->blobs == 2);
  CHECK(std::filesystem::hard_link_count(to / "blobs/sha256" / layer.hex().substr(0, 2) / layer.hex()) ==
        (is_linked ? 2 : 1));
  CHECK_FALSE(std::filesystem::exists(world.folder.path() / "backups" / "one.incomplete"));

  // The original changes; its copy does not.
  REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  world.pass(world.settings.lease * 2);
  world.collect();
  world.store.reset();
  const auto back = world.folder.path() / "back";
  std::filesystem::copy(to, back, std::filesystem::copy_options::recursive);
  Restored restored(back);
  const auto tag = restored.store->catalog().tag(world.app, "latest", store::Reach::disk);
  REQUIRE(tag);
  REQUIRE(*tag);
  CHECK((*tag)->digest == image);
  CHECK(restored.store->manifests().bytes(world.app, image).value() == "image");
  CHECK(restored.holds(layer, content));
  CHECK(restored.store->recovered().records_dropped == 0);
}

TEST_CASE("a backup overwrites nothing, and is not there until it is whole") {
  PushedWorld world;
  world.push("image", {world.upload("layer")}, {"latest"});
  const auto to = world.folder.path() / "copy";
  std::stop_source stopped;
  stopped.request_stop();
  const auto told_to_stop = world.store->backup().back_up(to, stopped.get_token());
  REQUIRE_FALSE(told_to_stop);
  CHECK(told_to_stop.error().kind == Error::Kind::unavailable);
  CHECK_FALSE(std::filesystem::exists(to));
  // What is left of it is not taken for a backup, nor silently gone on with.
  CHECK(world.store->backup().back_up(to, std::stop_token()).error().kind == Error::Kind::conflict);
  std::filesystem::remove_all(to.string() + ".incomplete");
  REQUIRE(world.store->backup().back_up(to.string() + "/", std::stop_token()));
  CHECK(world.store->backup().back_up(to, std::stop_token()).error().kind == Error::Kind::conflict);
}

TEST_CASE("a lost blob that is taken back while a backup is made is in it") {
  PushedWorld world;
  const Digest a = world.upload("layer a"), b = world.upload("layer b");
  world.push("image", {a, b}, {"latest"});
  // The backup links blobs in the order of their digests, and comes to this one first.
  const Digest lost = std::min(a, b), later = std::max(a, b);
  const std::string content = lost == a ? "layer a" : "layer b";
  const auto file = world.store->parts().files.path_of(lost), aside = world.folder.path() / "aside";
  world.store.reset();
  std::filesystem::rename(file, aside);
  REQUIRE(world.open());
  CHECK_FALSE(world.store->blobs().open(lost));
  bool is_back = false;
  world.disk.watch_by([&](FaultyDisk::Operation operation, const std::filesystem::path& path) {
    if (operation != FaultyDisk::Operation::link || path.filename() != later.hex() || is_back) return;
    is_back = true;
    std::filesystem::rename(aside, file);
    CHECK(*world.store->blobs().take_back("private", lost));
  });
  const auto to = world.folder.path() / "backup";
  REQUIRE(world.store->backup().back_up(to, std::stop_token()));
  world.disk.watch_by({});
  REQUIRE(is_back);
  Restored restored(to);
  CHECK(restored.holds(lost, content));
  CHECK(restored.store->broken().size() == 0);
}

TEST_CASE("a backup beside pushes and collection names no blob that it has not") {
  PushedWorld world;
  std::atomic<bool> is_ending = false;
  std::atomic<int> failures = 0;
  // One tag, overwritten all the time; what it named is collected at once. Checked in the end, because Catch
  // knows one thread.
  std::thread pushing([&] {
    for (int i = 0; !is_ending; ++i) {
      const std::string layer = content_of(5000, static_cast<uint32_t>(i));
      if (!world.try_upload(layer, world.app)) ++failures;
      if (!world.try_push("image " + std::to_string(i), {digest_of(layer)}, {"latest"})) ++failures;
      world.pass(world.settings.lease * 2);
      for (size_t looked = 1; looked > 0;) looked = world.store->collector().collect(100).value_or(0);
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto to = world.folder.path() / ("backup-" + std::to_string(i));
    const auto done = world.store->backup().back_up(to, std::stop_token());
    REQUIRE(done);
    Restored restored(to);
    CHECK(restored.store->recovered().records_dropped == 0);
    const auto tag = restored.store->catalog().tag(world.app, "latest", store::Reach::disk);
    REQUIRE(tag);
    if (!*tag) continue;  // nothing was pushed yet
    const auto needed = restored.store->catalog().children(world.app, (*tag)->digest);
    REQUIRE(needed);
    for (const Digest& digest : *needed) CHECK(restored.store->blobs().open(digest));
    CHECK(restored.store->manifests().bytes(world.app, (*tag)->digest));
  }
  is_ending = true;
  pushing.join();
  CHECK(failures == 0);
}

}  // namespace breakwater::test
