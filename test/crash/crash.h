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
  process_killed,             // the disk keeps everything
  power_lost,                 // what was not synced is gone, of the catalog too
  power_lost_and_names_kept,  // the names are there, the bytes are not
  power_lost_and_writes_torn  // the names are there, and half of the bytes of each file
};
inline constexpr std::array kEnds = {End::process_killed, End::power_lost, End::power_lost_and_names_kept,
                                     End::power_lost_and_writes_torn};

// The next thing to do is open().
inline void die(StoreWorld& world, End end) {
  world.crash();
  switch (end) {
    case End::process_killed: return world.disk.heal();
    case End::power_lost: return world.disk.power_cut();
    case End::power_lost_and_names_kept: return world.disk.power_cut(FaultyDisk::Names::kept);
    case End::power_lost_and_writes_torn:
      return world.disk.power_cut(FaultyDisk::Names::kept, FaultyDisk::Bytes::torn);
  }
}

// Calls `cut_once(step, end)` for each step until it says that there were fewer: with a killed process, with
// a power cut, and with one of the other power cuts in turn. RocksDB's threads make the number of steps vary.
template <class CutOnce>
void cut_each_step(uint64_t steps_min, uint64_t steps_max, CutOnce cut_once) {
  uint64_t step = 0;
  for (bool was_cut = true; was_cut && step < steps_max;) {
    ++step;
    was_cut = cut_once(step, End::process_killed);
    was_cut |= cut_once(step, End::power_lost);
    if (step % 3 == 0) was_cut |= cut_once(step, End::power_lost_and_names_kept);
    if (step % 3 == 1) was_cut |= cut_once(step, End::power_lost_and_writes_torn);
  }
  CHECK(step > steps_min);
  CHECK(step < steps_max);
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
