// How a machine dies under a store, and what must be true after the next start.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_walk.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::test {

enum class End {
  process_killed,              // the disk keeps everything
  power_lost,                  // what was not synced is gone
  power_lost_and_names_kept,   // the names are there, the bytes are not
  power_lost_with_the_catalog  // and the catalog goes back to its last acknowledged sync
};
inline constexpr std::array kEnds = {End::process_killed, End::power_lost, End::power_lost_and_names_kept,
                                     End::power_lost_with_the_catalog};

// The test called keep_catalog() when the last sync was acknowledged. The next thing to do is open().
inline void die(StoreWorld& world, End end) {
  if (end != End::power_lost_with_the_catalog) world.keep_catalog();
  world.crash_to_kept_catalog();
  if (end == End::process_killed) {
    world.disk.heal();
  } else {
    world.disk.power_cut(end == End::power_lost_and_names_kept ? FaultyDisk::Names::kept
                                                               : FaultyDisk::Names::lost);
  }
}

inline void check_all_is_whole(StoreWorld& world) {
  const auto files = stored_digests(*world.store);
  for (const store::Digest& digest : files) {
    const auto blob = world.store->blobs().open(digest);
    REQUIRE(blob);
    std::string bytes(blob->size + 1, '\0');
    bytes.resize(*world.disk.read(*blob->file, 0, bytes));
    CHECK(digest_of(bytes) == digest);
  }
  std::string position;
  const auto records = world.store->catalog().walk().next_blobs(
      position, SIZE_MAX, [](const Error& error) { FAIL(error.message); });
  CHECK(records->size() == files.size());
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
  CHECK(world.store->budget().whole().reserved == 0);
}

}  // namespace breakwater::test
