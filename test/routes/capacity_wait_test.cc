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

const Error kFull(Error::Kind::full, "full", 0);

// A push that finds no room until `room` has some. What it holds, one unit, is there when it was refused and
// `gave_back` was rung.
proxy::Task<> contend(CapacityLine& line, std::string name, int& room, proxy::Signal& gave_back,
                      std::string& said) {
  CapacityLine::Place place(line);
  bool again = true;
  while (again) {
    place.trying();
    if (room > 0) {
      --room;
      said += name + "+";
      place.leave();
      co_return;
    }
    again = co_await place.wait(kFull);
  }
  said += name + "-";
  co_await gave_back.wait();
  ++room;
}

TEST_CASE("of those who meet a full store at once the newest is refused, and the oldest gets what it held") {
  proxy::Loop loop;
  CapacityLine line(loop);
  proxy::Signal gave_back(loop);
  std::string said;
  int room = 0;
  auto a = contend(line, "a", room, gave_back, said);
  auto b = contend(line, "b", room, gave_back, said);
  auto c = contend(line, "c", room, gave_back, said);
  // Each waits for an older one that is alone and keeps all, as long as nobody gave back.
  room = 1;
  auto held = contend(line, "0", room, gave_back, said);
  held.start();
  REQUIRE(said == "0+");
  a.start();
  CHECK(said == "0+a-");
  b.start();
  c.start();
  test::run_until(loop, [&] { return gave_back.awaited(); });
  CHECK(said == "0+a-");  // both wait for what the first gives back
  gave_back.ring();
  test::run_until(loop, [&] { return b.done() && gave_back.awaited(); });
  CHECK(said == "0+a-b+c-");
  gave_back.ring();
  test::run_until(loop, [&] { return c.done(); });
}

TEST_CASE("who waits in line is refused for the oldest, the newest first") {
  proxy::Loop loop;
  CapacityLine line(loop);
  proxy::Signal gave_back(loop);
  std::string said;
  int room = 0;
  auto leaves = contend(line, "x", room, gave_back, said);
  auto a = contend(line, "a", room, gave_back, said);
  auto b = contend(line, "b", room, gave_back, said);
  auto c = contend(line, "c", room, gave_back, said);
  leaves.start();
  REQUIRE(said == "x-");
  a.start();
  b.start();
  c.start();
  room = -1;  // what was given back is taken at once, by somebody else
  gave_back.ring();
  test::run_until(loop, [&] { return gave_back.awaited(); });
  CHECK(said == "x-c-");
  gave_back.ring();
  test::run_until(loop, [&] { return a.done() && gave_back.awaited(); });
  CHECK(said == "x-c-a+b-");  // nobody is left to be refused for it
  gave_back.ring();
  test::run_until(loop, [&] { return b.done(); });
}

TEST_CASE("one that is alone in line waits for those that were trying when it came, and not for later ones") {
  const bool is_joined = GENERATE(true, false);
  proxy::Loop loop;
  CapacityLine line(loop);
  proxy::Signal gave_back(loop);
  std::string said;
  int room = 0;
  CapacityLine::Place tries(line);
  CapacityLine::Place later(line);
  tries.trying();
  auto alone = contend(line, "b", room, gave_back, said);
  alone.start();
  later.trying();
  CHECK(said.empty());
  if (!is_joined) tries.leave();
  std::optional<bool> again;
  const auto wait = [&]() -> proxy::Task<> { again = co_await tries.wait(kFull); };
  auto joins = wait();
  if (is_joined) joins.start();
  test::run_until(loop, [&] { return again || gave_back.awaited(); });
  // What joins is older, and is given what the other held.
  CHECK(said == "b-");
  CHECK_FALSE(again);
  gave_back.ring();
  test::run_until(loop, [&] { return alone.done(); });
  if (!is_joined) return;
  test::run_until(loop, [&] { return again.has_value(); });
  CHECK(*again);
}

TEST_CASE("what was given back while one tried is worth another try") {
  proxy::Loop loop;
  CapacityLine line(loop);
  proxy::Signal gave_back(loop);
  std::string said;
  int room = 0;
  auto refused = contend(line, "a", room, gave_back, said);
  refused.start();
  std::optional<bool> again;
  CapacityLine::Place place(line);
  place.trying();
  gave_back.ring();
  test::run_until(loop, [&] { return refused.done(); });
  const auto wait = [&]() -> proxy::Task<> { again = co_await place.wait(kFull); };
  auto waits = wait();
  waits.start();
  REQUIRE(again);
  CHECK(*again);
}

}  // namespace
}  // namespace breakwater::routes
