#include "proxy/loop/buffers.h"

#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

Task<> reserve_and_note(Buffers& buffers, uint64_t bytes, std::vector<uint64_t>& taken,
                        BufferReservation& held) {
  held = co_await buffers.reserve(bytes);
  taken.push_back(held.bytes());
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
  Buffers buffers(loop, 100);
  {
    BufferReservation held = buffers.try_reserve(60);
    CHECK(held.bytes() == 60);
    CHECK(buffers.try_reserve(60).bytes() == 0);
    CHECK(buffers.bytes() == 60);
    BufferReservation moved = std::move(held);
    CHECK(moved.bytes() == 60);
    moved.shrink(10);
    CHECK(buffers.bytes() == 10);
    moved = buffers.try_reserve(90);
    CHECK(buffers.bytes() == 90);
  }
  CHECK(buffers.bytes() == 0);
}

TEST_CASE("who finds no room waits until there is") {
  Loop loop;
  Buffers buffers(loop, 100);
  std::vector<uint64_t> taken;
  BufferReservation first = buffers.try_reserve(80);
  BufferReservation second;
  auto task = reserve_and_note(buffers, 50, taken, second);
  task.start();
  turn(loop);
  CHECK(taken.empty());
  first.shrink(50);
  turn(loop);
  CHECK(taken == std::vector<uint64_t>(1, 50));
  CHECK(buffers.bytes() == 100);
}

TEST_CASE("more than the whole limit goes alone instead of never") {
  Loop loop;
  Buffers buffers(loop, 100);
  BufferReservation large = buffers.try_reserve(500);
  CHECK(large.bytes() == 500);
  CHECK(buffers.try_reserve(1).bytes() == 0);
}

TEST_CASE("bytes that are there already are counted even past the limit") {
  Loop loop;
  Buffers buffers(loop, 100);
  BufferReservation within = buffers.try_reserve(100);
  BufferReservation beyond = buffers.reserve_over_limit(50);
  CHECK(buffers.bytes() == 150);
  within.shrink(0);
  CHECK(buffers.try_reserve(51).bytes() == 0);
  CHECK(buffers.try_reserve(50).bytes() == 50);
}

}  // namespace
}  // namespace breakwater::proxy
