// The real disk: what it opens, what it does not, and whom what it makes belongs to.
#include "store/base/disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {

using test::Folder;

TEST_CASE("only regular files are opened, and nobody waits at a FIFO") {
  const Folder folder;
  const auto disk = make_posix_disk();
  const auto fifo = folder.path() / "fifo", link = folder.path() / "link";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::filesystem::create_symlink(fifo, link);
  for (const auto& path : {fifo, link, folder.path(), std::filesystem::path("/dev/zero")}) {
    const auto opened = disk->open(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == Error::Kind::invalid);
    CHECK_FALSE(disk->stat_target(path)->is_file);
  }
  CHECK_FALSE(disk->open_for_writing(fifo));
}

TEST_CASE("nothing is written through a symbolic link, and a new file takes no other's name") {
  const Folder folder;
  const auto disk = make_posix_disk();
  const auto file = folder.path() / "file", link = folder.path() / "link", fresh = folder.path() / "fresh";
  REQUIRE(disk->create(file));
  std::filesystem::create_symlink(file, link);
  CHECK(disk->open(link));
  CHECK_FALSE(disk->open_for_writing(link));
  for (const auto& path : {file, link}) {
    const auto made = disk->create(path);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == Error::Kind::conflict);
  }
  CHECK(disk->create(fresh));
  CHECK(disk->stat(fresh)->is_file);
  CHECK_FALSE(disk->stat(link)->is_file);
}

TEST_CASE("what root makes in a folder of somebody's is theirs, and nothing beside it") {
  if (::geteuid() != 0) return;
  constexpr uid_t kUser = 4711, kGroup = 4712;
  const Folder folder;
  const auto data = folder.path() / "data", beside = folder.path() / "data-beside";
  const auto disk = make_posix_disk(FolderOwner{data, kUser, kGroup});
  REQUIRE(disk->make_directories(data / "a/b"));
  REQUIRE(disk->open_for_writing(data / "a/file"));
  REQUIRE(disk->create(data / "a/new"));
  REQUIRE(disk->create(beside));
  REQUIRE(disk->link(beside, data / "a/link"));
  for (const char* below : {"", "a", "a/b", "a/file", "a/new", "a/link"}) {
    struct stat found {};
    REQUIRE(::stat((data / below).c_str(), &found) == 0);
    CAPTURE(below);
    CHECK(found.st_uid == kUser);
    CHECK(found.st_gid == kGroup);
  }
  const auto apart = folder.path() / "apart";
  REQUIRE(disk->create(apart));
  struct stat found {};
  REQUIRE(::stat(apart.c_str(), &found) == 0);
  CHECK(found.st_uid == 0);
}

}  // namespace breakwater::store
