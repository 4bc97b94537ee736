#include "routes/registry/capacity_wait.h"

#include <optional>
#include <string>

#include "test/catch.h"
#include "test/fakes/raw_client.h"

namespace breakwater::routes {
namespace {

const Error kSoon(Error::Kind::full, "a lease ends", 1);

proxy::Task<> try_again(CapacityLine& line, std::string name, int tries, std::string& tried) {
  CapacityLine::Place place(line);
  for (int i = 0; i < tries; ++i) {
    const bool again = co_await place.wait(kSoon);
    tried += again ? name : "-";
  }
}

proxy::Task<> wait_once(CapacityLine& line, Error error, std::optional<bool>& again) {
  CapacityLine::Place place(line);
  again = co_await place.wait(error);
}

TEST_CASE("those who wait for room try again one after the other, the first come first") {
  proxy::Loop loop;
  CapacityLine line(loop);
  std::string tried;
  auto first = try_again(line, "a", 2, tried);
  auto second = try_again(line, "b", 1, tried);
  std::optional<proxy::Task<>> leaves = try_again(line, "c", 1, tried);
  auto last = try_again(line, "d", 1, tried);
  first.start();
  second.start();
  leaves->start();
  last.start();
  leaves.reset();
  test::run_until(loop, [&] { return last.done(); });
  CHECK(tried == "aabd");
}

TEST_CASE("nobody waits for a store that is full for longer, nor after another error") {
  proxy::Loop loop;
  CapacityLine line(loop);
  for (const Error& error : {Error(Error::Kind::full, "full", 0), Error(Error::Kind::storage, "broken", 1)}) {
    std::optional<bool> again;
    auto waits = wait_once(line, error, again);
    waits.start();
    REQUIRE(again);
    CHECK_FALSE(*again);
  }
}

}  // namespace
}  // namespace breakwater::routes
