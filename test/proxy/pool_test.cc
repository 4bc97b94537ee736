#include "proxy/loop/pool.h"

#include <memory>
#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

Task<> reserve_and_note(Pool& pool, uint64_t units, std::vector<uint64_t>& taken, PoolReservation& held) {
  held = co_await pool.reserve(units);
  taken.push_back(held.units());
}

Task<> stop_soon(Loop& loop) {
  co_await loop.sleep(Millis(0));
  loop.stop();
}

void turn(Loop& loop) {
  auto stopper = stop_soon(loop);
  stopper.start();
  loop.run();
}

TEST_CASE("bytes are taken up to the limit and given back by the holder's end") {
  Loop loop;
  Pool pool(loop, 100);
  {
    PoolReservation held = pool.try_reserve(60);
    CHECK(held.units() == 60);
    CHECK(pool.try_reserve(60).units() == 0);
    CHECK(pool.units() == 60);
    PoolReservation moved = std::move(held);
    CHECK(moved.units() == 60);
    moved.shrink(10);
    CHECK(pool.units() == 10);
    moved = pool.try_reserve(90);
    CHECK(pool.units() == 90);
  }
  CHECK(pool.units() == 0);
}

TEST_CASE("who finds no room waits until there is") {
  Loop loop;
  Pool pool(loop, 100);
  std::vector<uint64_t> taken;
  PoolReservation first = pool.try_reserve(80);
  PoolReservation second;
  auto task = reserve_and_note(pool, 50, taken, second);
  task.start();
  turn(loop);
  CHECK(taken.empty());
  first.shrink(50);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>(1, 50));
  CHECK(pool.units() == 100);
}

TEST_CASE("more than the whole limit goes alone instead of never") {
  Loop loop;
  Pool pool(loop, 100);
  PoolReservation large = pool.try_reserve(500);
  CHECK(large.units() == 500);
  CHECK(pool.try_reserve(1).units() == 0);
}

TEST_CASE("bytes that are there already are counted even past the limit") {
  Loop loop;
  Pool pool(loop, 100);
  PoolReservation within = pool.try_reserve(100);
  PoolReservation beyond = pool.reserve_over_limit(50);
  CHECK(pool.units() == 150);
  within.shrink(0);
  CHECK(pool.try_reserve(51).units() == 0);
  CHECK(pool.try_reserve(50).units() == 50);
}

TEST_CASE("a pool is given out first come, first served, and nobody overtakes who waits") {
  Loop loop;
  Pool pool(loop, 100);
  std::vector<uint64_t> taken;
  PoolReservation first = pool.try_reserve(80);
  PoolReservation large, small;
  auto wants_large = reserve_and_note(pool, 50, taken, large);
  wants_large.start();
  auto wants_small = reserve_and_note(pool, 10, taken, small);
  wants_small.start();
  turn(loop);
  CHECK(taken.empty());
  CHECK(pool.waiting() == 2);
  CHECK(pool.try_reserve(1).units() == 0);
  first.shrink(50);
  turn(loop);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>{50});
  first.shrink(40);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>{50, 10});
  CHECK(pool.waiting() == 0);
}

TEST_CASE("who leaves the queue of a pool lets the next one have its turn") {
  Loop loop;
  Pool pool(loop, 100);
  std::vector<uint64_t> taken;
  PoolReservation first = pool.try_reserve(80);
  PoolReservation large, small;
  auto wants_large = std::make_unique<Task<>>(reserve_and_note(pool, 50, taken, large));
  wants_large->start();
  auto wants_small = reserve_and_note(pool, 10, taken, small);
  wants_small.start();
  wants_large.reset();
  turn(loop);
  CHECK(taken == std::vector<uint64_t>{10});
}

Task<> reserve_or_stop(Loop& loop, Pool& pool, uint64_t units, Moment deadline, bool& has_got) {
  auto held = co_await pool.reserve_until(units, deadline);
  has_got = held.units() == units;
  loop.stop();
}

TEST_CASE("who waits for a pool gives up at the deadline, with nothing") {
  Loop loop;
  Pool pool(loop, 100);
  PoolReservation all = pool.try_reserve(100);
  bool has_got = true;
  auto task = reserve_or_stop(loop, pool, 1, loop.now() + Millis(1), has_got);
  task.start();
  loop.run();
  CHECK_FALSE(has_got);
  CHECK(pool.waiting() == 0);
  CHECK(pool.units() == 100);
}

TEST_CASE("what is taken from a share counts in the whole, and waits for both") {
  Loop loop;
  Pool whole(loop, 100);
  Pool ours(loop, 40, &whole);
  Pool theirs(loop, 80, &whole);
  {
    PoolReservation some = ours.try_reserve(40);
    CHECK(some.units() == 40);
    CHECK(ours.try_reserve(1).units() == 0);
    CHECK(theirs.try_reserve(61).units() == 0);
    PoolReservation rest = theirs.try_reserve(60);
    CHECK(whole.units() == 100);
  }
  CHECK(whole.units() == 0);
  CHECK(theirs.units() == 0);

  PoolReservation most = theirs.reserve_over_limit(90);
  std::vector<uint64_t> taken;
  PoolReservation held, next;
  auto waits_for_whole = reserve_and_note(ours, 30, taken, held);
  waits_for_whole.start();
  auto waits_behind = reserve_and_note(ours, 5, taken, next);
  waits_behind.start();
  turn(loop);
  CHECK(taken.empty());
  CHECK(ours.units() == 0);
  most.shrink(70);
  turn(loop);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>{30});
  most.shrink(0);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>{30, 5});
  CHECK(ours.units() == 35);
  CHECK(whole.units() == 35);
}

}  // namespace
}  // namespace breakwater::proxy
