// The data folder goes away, or is another one: nothing is forgotten, and nothing is touched.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "store/blobs/blobs.h"
#include "store/catalog/catalog_state.h"
#include "store/files/folder_disk.h"
#include "store/files/folder_format.h"
#include "store/references/broken.h"
#include "store/references/references.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/scrub.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

namespace fs = std::filesystem;
using Kind = Error::Kind;
using test::FaultyDisk;
using test::PushedWorld;

struct FolderWorld : PushedWorld {
  const fs::path elsewhere = folder.path() / "elsewhere";
  Digest layer, image;

  FolderWorld() : layer(test::digest_of("layer")), image(test::digest_of("image")) {
    settings.registry_routes = {"private"};
    REQUIRE(open());
    clock.advance(settings.lease);
    upload("layer");
    push("image", {layer}, {"latest"});
  }

  void go() { fs::rename(settings.data, elsewhere); }
  void come() {
    fs::remove_all(settings.data);
    fs::rename(elsewhere, settings.data);
    store->check_folder();
  }
  // Closes what is open, so that the next one who asks has to open it.
  void open_again() { REQUIRE(open()); }

  void check_all_there() {
    CHECK(store->blobs().open(layer));
    CHECK(store->blobs().open(image));
    CHECK(store->manifests().bytes(app, image).value_or("lost") == "image");
    CHECK(has_tag("latest"));
    CHECK(store->broken().size() == 0);
  }
  void scrub(Scrub& scrub) {
    for (uint64_t worth = 1; worth > 0;) {
      const auto step = scrub.step();
      REQUIRE(step);
      worth = *step;
    }
  }
  static Result<ManifestContent> names_nothing(const Digest&, const std::string&, std::string_view) {
    return ManifestContent();
  }
};

std::string text_of(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

TEST_CASE("while the data folder is away nothing is found to be lost, and all is there when it is back") {
  FolderWorld world;
  world.open_again();
  world.go();
  SECTION("nothing is in its place") {}
  SECTION("an empty folder is") { fs::create_directory(world.settings.data); }
  SECTION("a file is") { write(world.settings.data, "no folder"); }
  SECTION("an empty store is") {
    for (const char* below : {"blobs/sha256", "blobs/sha512", "incoming", "trash", "catalog"})
      fs::create_directories(world.settings.data / below);
  }
  SECTION("a copy of it is") { fs::copy(world.elsewhere, world.settings.data, fs::copy_options::recursive); }
  const auto lost = world.store->blobs().open(world.layer);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().kind == Kind::storage);
  REQUIRE(world.store->away());
  CHECK(world.store->away()->message.find("data folder") != std::string::npos);
  CHECK(world.log.contains("data_folder_away"));

  const auto pushed = world.try_upload("another layer", world.app);
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().kind == Kind::storage);
  Scrub scrub(world.store->parts(), world.store->blobs(), FolderWorld::names_nothing);
  CHECK_FALSE(scrub.step());
  (void)world.store->collector().collect(100);
  (void)world.store->tick();

  world.come();
  CHECK_FALSE(world.store->away());
  CHECK(world.log.contains("data_folder_back"));
  world.scrub(scrub);
  world.check_all_there();
  CHECK(world.try_upload("another layer", world.app));
}

TEST_CASE("a folder that is configured with a slash at its end is watched too") {
  FolderWorld world;
  const fs::path plain = world.settings.data;
  world.settings.data = plain / "";
  world.open_again();
  fs::rename(plain, world.elsewhere);
  CHECK(world.store->blobs().open(world.layer).error().kind == Kind::storage);
  fs::rename(world.elsewhere, plain);
  CHECK(world.store->blobs().open(world.layer));
}

TEST_CASE("a store that is closed while its folder is away leaves nothing in the place, and is whole after") {
  FolderWorld world;
  world.go();
  fs::create_directory(world.settings.data);
  world.store.reset();
  CHECK(fs::is_empty(world.settings.data));
  fs::remove(world.settings.data);
  fs::rename(world.elsewhere, world.settings.data);
  REQUIRE(world.open());
  world.check_all_there();
}

TEST_CASE("an error of the disk that may pass takes nothing away") {
  FolderWorld world;
  const RepositoryKey mirrored{"dockerhub", "library/app"};
  REQUIRE(world.put(mirrored, "mirrored"));
  world.open_again();
  Scrub scrub(world.store->parts(), world.store->blobs(), FolderWorld::names_nothing);
  const auto operation =
      GENERATE(FaultyDisk::Operation::open, FaultyDisk::Operation::read, FaultyDisk::Operation::stat);
  world.disk.fail_each(operation);
  (void)world.store->blobs().open(world.layer);
  (void)world.store->manifests().bytes(world.app, world.image);
  (void)world.store->blobs().open(test::digest_of("mirrored"));
  for (int steps = 0; steps < 50; ++steps) (void)scrub.step();
  world.disk.heal();
  world.store->check_folder();
  CHECK(world.store->blobs().open(test::digest_of("mirrored")));
  world.scrub(scrub);
  world.scrub(scrub);
  world.check_all_there();
}

TEST_CASE("a mirror's blob that cannot be read for long is fetched again") {
  test::StoreWorld world;
  REQUIRE(world.open());
  const RepositoryKey mirrored{"dockerhub", "library/app"};
  REQUIRE(world.put(mirrored, "mirrored"));
  const Digest digest = test::digest_of("mirrored");
  world.disk.fail_on(FaultyDisk::Operation::read, world.store->parts().files.path_of(digest));
  Scrub scrub(world.store->parts(), world.store->blobs(), FolderWorld::names_nothing);
  const auto pass = [&scrub] {
    for (uint64_t worth = 1; worth > 0;) {
      const auto step = scrub.step();
      REQUIRE(step);
      worth = *step;
    }
  };
  pass();
  pass();
  CHECK(world.store->blobs().open(digest));
  world.clock.advance(std::chrono::minutes(10));
  pass();
  CHECK_FALSE(world.store->blobs().open(digest));
}

TEST_CASE("a lost blob of a registry is taken back when its file is there again, if it is right") {
  FolderWorld world;
  world.open_again();
  const auto file = world.store->parts().files.path_of(world.layer), aside = world.folder.path() / "aside";
  const uint64_t stored = world.store->budget().routes().at("private").stored;
  fs::rename(file, aside);
  CHECK(world.store->blobs().open(world.layer).error().kind == Kind::not_found);
  CHECK(world.store->broken().size() == 1);
  REQUIRE(world.store->tick());
  CHECK(world.store->broken().size() == 1);
  SECTION("it is") {
    fs::rename(aside, file);
    REQUIRE(world.store->tick());
    world.check_all_there();
    CHECK(world.store->budget().routes().at("private").stored == stored);
  }
  SECTION("it is not") {
    write(file, "lay3r");
    REQUIRE(world.store->tick());
    CHECK(world.store->broken().size() == 1);
    CHECK_FALSE(world.store->blobs().open(world.layer));
  }
}

TEST_CASE("what may pass is told apart from what is not there by the real disk too") {
  const test::Folder folder;
  const auto disk = make_posix_disk();
  write(folder.path() / "file", "");
  CHECK(disk->open(folder.path() / "absent").error().kind == Kind::not_found);
  CHECK(disk->open(folder.path() / "file" / "below").error().kind == Kind::storage);
  CHECK(disk->stat(folder.path() / "file" / "below").error().kind == Kind::storage);
  CHECK(disk->list(folder.path() / "file").error().kind == Kind::storage);
}

TEST_CASE("a folder says which one it is, and in which format") {
  FolderWorld world;
  const fs::path format = world.settings.data / "format";
  const std::string text = text_of(format);
  CHECK(text.starts_with("version 1\nid "));
  world.open_again();
  CHECK(text_of(format) == text);
  CHECK(*read_folder_id(world.disk, world.settings.data) == *world.store->catalog().state().folder_id());

  SECTION("one of the version before is taken along") {
    world.store.reset();
    fs::remove(format);
    REQUIRE(world.open());
    world.check_all_there();
    CHECK(text_of(format) == text);  // the catalog knows it
  }
  SECTION("one of a newer version is refused, and is not touched") {
    world.store.reset();
    write(format, "version 2\nid " + std::string(32, 'a') + "\nmore of what is to come\n");
    const uint64_t changes = world.disk.changing_operations();
    const auto opened = world.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == Kind::conflict);
    CHECK(opened.error().message.find("newer version") != std::string::npos);
    CHECK(world.disk.changing_operations() == changes);
  }
  SECTION("one that cannot be understood is refused") {
    world.store.reset();
    write(format,
          GENERATE(as<std::string>(), "", "version\n", "version 1\n", "version 1\nid x\n", "version -1\n"));
    CHECK(world.open().error().kind == Kind::conflict);
  }
  SECTION("without its catalog it is refused, and no other is made") {
    world.store.reset();
    fs::rename(world.settings.data / "catalog", world.elsewhere);
    const auto opened = world.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find("is not there") != std::string::npos);
    CHECK_FALSE(fs::exists(world.settings.data / "catalog"));
    fs::rename(world.elsewhere, world.settings.data / "catalog");
    REQUIRE(world.open());
    world.check_all_there();
  }
  SECTION("with the catalog of another folder it is refused") {
    world.store.reset();
    write(format, "version 1\nid " + std::string(32, 'b') + "\n");
    const auto opened = world.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find("another data folder") != std::string::npos);
  }
  SECTION("a backup is a folder of the same id") {
    const fs::path to = world.folder.path() / "backup";
    REQUIRE(world.store->backup().back_up(to, std::stop_token()));
    CHECK(text_of(to / "format") == text);
    world.settings.data = to;
    REQUIRE(world.open());
    world.check_all_there();
  }
}

}  // namespace
}  // namespace breakwater::store
