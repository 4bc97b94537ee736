#include "conf/read_only.h"

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

TEST_CASE("read-only is remembered over restarts, until it is switched off") {
  const test::Folder folder;
  const auto disk = store::make_posix_disk();
  ReadOnly first(*disk, folder.path());
  REQUIRE(first.load());
  CHECK(!first.is_on());
  REQUIRE(first.set(true));
  REQUIRE(first.set(true));
  CHECK(first.is_on());
  ReadOnly second(*disk, folder.path());
  REQUIRE(second.load());
  CHECK(second.is_on());
  REQUIRE(second.set(false));
  REQUIRE(second.set(false));
  ReadOnly third(*disk, folder.path());
  REQUIRE(third.load());
  CHECK(!third.is_on());
}

TEST_CASE("read-only that could not be written is not on") {
  const test::Folder folder;
  const auto disk = store::make_posix_disk();
  ReadOnly nowhere(*disk, folder.path() / "none");
  CHECK(!nowhere.set(true));
  CHECK(!nowhere.is_on());
}

}  // namespace
}  // namespace breakwater::conf
