#include "store/blobs/trash.h"

#include <filesystem>
#include <string>
#include <vector>

#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/digest_locks.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using test::digest_of;
using test::PushedWorld;

struct TrashWorld : PushedWorld {
  Trash trash{store->parts()};

  // As a collection leaves it: out of the catalog, in the trash.
  Trashed dead(const std::string& content) {
    const Digest digest = upload(content);
    pass(std::chrono::hours(2));
    const DigestLock lock = store->parts().locks.lock(digest);
    const auto has_no_room = [](const BlobRecord&, const std::string&) { return false; };
    const auto reviews = store->catalog().queues().reviews(Time::max(), 10);
    const auto reviewed =
        store->references().review(lock, reviews->front(), References::For::upkeep, has_no_room);
    REQUIRE(reviewed);
    REQUIRE(reviewed->blob);
    return *reviewed->blob;
  }
  uint64_t stored() const { return store->budget().of("private").stored; }
};

TEST_CASE("what is in the trash is on its account until it is freed") {
  TrashWorld world;
  world.trash.add(world.dead("dead"));
  CHECK(world.stored() == on_disk(4));
  std::vector<Trash::Freed> freed;
  REQUIRE(world.trash.empty(&freed));
  CHECK(world.stored() == 0);
  CHECK(world.files_in("trash") == 0);
  REQUIRE(freed.size() == 1);
  CHECK(freed[0].bytes == on_disk(4));
  CHECK_FALSE(freed[0].had_other_name);
}

TEST_CASE("while the trash is held nothing in it is freed, and nobody waits") {
  TrashWorld world;
  {
    const Trash::Hold hold(world.trash);
    world.trash.add(world.dead("dead"));
    REQUIRE(world.trash.empty());
    REQUIRE(world.trash.free(world.dead("evicted")));
    CHECK(world.files_in("trash") == 2);
    CHECK(world.stored() == 2 * on_disk(4));
  }
  REQUIRE(world.trash.empty());
  CHECK(world.files_in("trash") == 0);
  CHECK(world.stored() == 0);
}

TEST_CASE("a file that cannot be removed keeps no other in the trash") {
  TrashWorld world;
  std::vector<Trashed> dead;
  for (const char* content : {"one", "two", "three"}) dead.push_back(world.dead(content));
  const auto stuck = world.store->parts().files.path_of_trashed(dead[1].digest);
  std::filesystem::remove(stuck);
  std::filesystem::create_directories(stuck / "in the way");
  for (const Trashed& blob : dead) world.trash.add(blob);
  CHECK_FALSE(world.trash.empty());
  CHECK(world.stored() == on_disk(3));
  std::filesystem::remove_all(stuck);
  REQUIRE(world.trash.empty());
  CHECK(world.stored() == 0);
}

TEST_CASE("what cannot be freed stays in the trash for another time") {
  TrashWorld world;
  world.trash.add(world.dead("dead"));
  world.disk.fail_each(test::FaultyDisk::Operation::remove);
  CHECK_FALSE(world.trash.empty());
  CHECK(world.stored() == on_disk(4));
  world.disk.heal();
  REQUIRE(world.trash.empty());
  CHECK(world.stored() == 0);
}

}  // namespace
}  // namespace breakwater::store
