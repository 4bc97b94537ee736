#include "store/capacity/budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include "test/catch.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kBlock = 4096;

TEST_CASE("sizes count in whole blocks") {
  CHECK(on_disk(0) == 0);
  CHECK(on_disk(1) == kBlock);
  CHECK(on_disk(kBlock) == kBlock);
  CHECK(on_disk(kBlock + 1) == 2 * kBlock);
}

TEST_CASE("a reservation that is not committed gives everything back") {
  Budget budget(10 * kBlock);
  {
    auto reservation = budget.reserve("ghcr", 5);
    REQUIRE(reservation);
    REQUIRE(reservation->grow(3 * kBlock));
    CHECK(budget.whole().reserved == 3 * kBlock);
  }
  CHECK(budget.whole().taken() == 0);
  CHECK(budget.of("ghcr").taken() == 0);
}

TEST_CASE("a committed reservation is stored at its true size") {
  Budget budget(10 * kBlock);
  auto reservation = budget.reserve("ghcr", 5 * kBlock);
  reservation->commit(kBlock + 1);
  CHECK(budget.of("ghcr").stored == 2 * kBlock);
  CHECK(budget.whole().reserved == 0);
  budget.release("ghcr", kBlock + 1);
  CHECK(budget.whole().taken() == 0);
}

TEST_CASE("a reservation that shrinks gives back what is beyond, in whole blocks") {
  Budget budget(10 * kBlock);
  auto reservation = budget.reserve("private", 8 * kBlock);
  REQUIRE(reservation);
  reservation->shrink(2 * kBlock + 1);
  CHECK(reservation->held() == 3 * kBlock);
  CHECK(budget.whole().reserved == 3 * kBlock);
  reservation->shrink(5 * kBlock);
  CHECK(budget.of("private").reserved == 3 * kBlock);
  REQUIRE(budget.check("private", 7 * kBlock));
  CHECK(budget.check("private", 7 * kBlock + 1).error().kind == Error::Kind::full);
  CHECK(budget.check("private", UINT64_MAX).error().kind == Error::Kind::full);
  CHECK(budget.whole().reserved == 3 * kBlock);
}

TEST_CASE("a moved reservation is held once") {
  Budget budget(Budget::kUnbounded);
  auto first = *budget.reserve("a", kBlock);
  Reservation second = std::move(first);
  first = *budget.reserve("a", kBlock);
  second = std::move(first);
  CHECK(budget.whole().reserved == kBlock);
  second = Reservation();
  CHECK(budget.whole().reserved == 0);
}

TEST_CASE("who finds no room is told which bound is full, how full, what is missing, and what to do") {
  Budget budget(10 * kBlock);
  budget.set_bound("private", 4 * kBlock);
  budget.add_stored("private", 4 * kBlock);
  const auto in_route = budget.check("private", 6 * kBlock).error();
  CHECK(in_route.message == "route private is full: 16 KiB of 16 KiB, and this needs 24 KiB more");
  CHECK(in_route.remedy == "raise bytes_max of the route or delete tags");
  budget.set_overhead(kBlock);
  const auto in_store = budget.check("quay", 6 * kBlock).error();
  CHECK(in_store.message == "the store is full: 20 KiB of 40 KiB, and this needs 24 KiB more");
  CHECK(in_store.remedy == "raise bytes_max or delete tags");
  budget.set_disk_bound(6 * kBlock);
  const auto on_disk = budget.check("quay", 6 * kBlock).error();
  CHECK(on_disk.message ==
        "the disk is full: it has 4 KiB left for what is stored here, and this needs 24 KiB more");
  CHECK(on_disk.remedy == "make room on the disk or delete tags");
  budget.set_disk_bound(0);
  CHECK(budget.check("quay", kBlock).error().message ==
        "the disk is full: it has 0 B left for what is stored here, and this needs 4 KiB more");
}

TEST_CASE("neither the bound of a route nor that of the store is passed, and the error says which") {
  Budget budget(10 * kBlock);
  budget.set_bound("ghcr", 4 * kBlock);
  auto in_route = budget.reserve("ghcr", 5 * kBlock);
  REQUIRE_FALSE(in_route);
  CHECK(in_route.error().kind == Error::Kind::full);
  CHECK(in_route.error().message.find("ghcr") != std::string::npos);
  auto kept = budget.reserve("quay", 8 * kBlock);
  REQUIRE(kept);
  CHECK_FALSE(budget.reserve("ghcr", 3 * kBlock));
  CHECK(budget.reserve("ghcr", 2 * kBlock));
  CHECK_FALSE(kept->grow(10 * kBlock + 1));
  CHECK(kept->held() == 8 * kBlock);
}

TEST_CASE("a size near the end of the numbers is refused, not wrapped") {
  Budget budget(10 * kBlock);
  CHECK_FALSE(budget.reserve("a", UINT64_MAX));
  CHECK_FALSE(budget.reserve("a", UINT64_MAX - 4096));
  CHECK(budget.shortage("a", UINT64_MAX).whole > 0);
  auto reservation = budget.reserve("a", 1);
  CHECK_FALSE(reservation->grow(UINT64_MAX - 1));
}

TEST_CASE("the catalog and what the file system has left bound the whole") {
  Budget budget(10 * kBlock);
  budget.set_overhead(4 * kBlock);
  CHECK_FALSE(budget.reserve("a", 7 * kBlock));
  CHECK(budget.reserve("a", 6 * kBlock));
  budget.set_disk_bound(5 * kBlock);
  CHECK_FALSE(budget.reserve("a", 2 * kBlock));
  CHECK(budget.reserve("a", kBlock));
  CHECK(budget.whole().bytes_max == 10 * kBlock);
}

TEST_CASE("the shortage is what must go before the size fits") {
  Budget budget(10 * kBlock);
  budget.set_bound("a", 5 * kBlock);
  budget.add_stored("a", 4 * kBlock);
  budget.add_stored("b", 4 * kBlock);
  CHECK(budget.shortage("a", kBlock).route == 0);
  CHECK(budget.shortage("a", 3 * kBlock).route == 2 * kBlock);
  CHECK(budget.shortage("a", 3 * kBlock).whole == kBlock);
  CHECK(budget.shortage("c", 2 * kBlock).whole == 0);
  budget.set_bound("a", 2 * kBlock);  // a bound may be made smaller than what is there
  CHECK(budget.shortage("a", kBlock).route == 3 * kBlock);
}

TEST_CASE("a partial's bytes become a reservation again, on the account of who receives it") {
  Budget budget(10 * kBlock);
  budget.set_bound("b", 2 * kBlock);
  budget.add_stored("a", 3 * kBlock);
  CHECK_FALSE(budget.reclaim("a", "b", 3 * kBlock));
  CHECK(budget.of("a").stored == 3 * kBlock);
  {
    auto reservation = budget.reclaim("a", "a", 3 * kBlock);
    REQUIRE(reservation);
    CHECK(budget.of("a").stored == 0);
    CHECK(budget.whole().reserved == 3 * kBlock);
  }
  CHECK(budget.whole().taken() == 0);
}

TEST_CASE("many threads at once never pass the bound") {
  constexpr uint64_t kBound = 64 * kBlock;
  Budget budget(kBound);
  budget.set_bound("a", kBound / 2);
  std::atomic<bool> passed = false;
  const auto work = [&](const std::string& route, uint64_t seed) {
    for (uint64_t i = 0; i < 2000; ++i) {
      auto reservation = budget.reserve(route, (seed + i) % 9 * kBlock);
      if (budget.whole().taken() > kBound || budget.of("a").taken() > kBound / 2) passed = true;
      if (!reservation) continue;
      if (!reservation->grow((seed + i) % 17 * kBlock)) continue;
      const uint64_t held = reservation->held();
      reservation->commit(held);
      budget.release(route, held);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) threads.emplace_back(work, i % 2 ? "a" : "b", i);
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(passed);
  CHECK(budget.whole().taken() == 0);
}

TEST_CASE("an account that would give back more than it holds is empty, and the error is counted") {
  Budget budget(10 * kBlock);
  budget.add_stored("a", kBlock);
  budget.add_stored("b", kBlock);
  REQUIRE(budget.accounting_errors() == 0);
  budget.release("a", 2 * kBlock);
  CHECK(budget.of("a").stored == 0);
  CHECK(budget.of("b").stored == kBlock);
  CHECK(budget.accounting_errors() == 1);  // the whole held as much
  CHECK(budget.reserve("a", 5 * kBlock));
}

TEST_CASE("a route's account is forgotten only if nothing is on it, and no bound") {
  Budget budget(10 * kBlock);
  budget.set_bound("bounded", kBlock);
  budget.add_stored("full", kBlock);
  budget.add_stored("empty", kBlock);
  budget.release("empty", kBlock);
  for (const char* route : {"bounded", "full", "empty", "unknown"}) budget.forget(route);
  CHECK(budget.routes().size() == 2);
  CHECK_FALSE(budget.routes().contains("empty"));
}

}  // namespace
}  // namespace breakwater::store
