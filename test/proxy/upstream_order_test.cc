#include "proxy/upstream/upstream_order.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"

namespace breakwater::test {
namespace {

using proxy::UpstreamOrder;
using std::chrono::milliseconds;
using Order = std::vector<size_t>;

struct World {
  void fail(size_t index, Error::Kind kind = Error::Kind::unavailable) {
    order.asked(index, clock.now());
    order.failed(index, Error(kind, "it failed", 0), clock.now());
  }
  Order now() const { return order.at(clock.now()); }
  Order in(int64_t ms) {
    clock.advance(milliseconds(ms));
    return now();
  }

  FakeClock clock;
  UpstreamOrder order{3, proxy::UpstreamsSettings()};
};

}  // namespace

TEST_CASE("upstreams are asked as they are configured, and one that fails after the others for a second") {
  World world;
  CHECK(world.now() == Order{0, 1, 2});
  world.fail(0);
  CHECK(world.now() == Order{1, 2, 0});
  CHECK(world.in(999) == Order{1, 2, 0});
  CHECK(world.in(1) == Order{0, 1, 2});
}

TEST_CASE("the rest of an upstream doubles with each failure up to half a minute, and ends with an answer") {
  World world;
  for (const int64_t rest_ms : {1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000}) {
    CAPTURE(rest_ms);
    world.fail(0);
    CHECK(world.in(rest_ms - 1) == Order{1, 2, 0});
    CHECK(world.in(1) == Order{0, 1, 2});
  }
  world.order.answered(0);
  world.fail(0);
  CHECK(world.in(1'000) == Order{0, 1, 2});
}

TEST_CASE("attempts that fail together are one failure") {
  World world;
  for (int i = 0; i < 10; ++i) world.fail(0);
  CHECK(world.in(1'000) == Order{0, 1, 2});
}

TEST_CASE("an upstream that says no is well, and so is one that throttles a kind of question") {
  for (const auto kind :
       {Error::Kind::not_found, Error::Kind::denied, Error::Kind::corrupt, Error::Kind::throttled}) {
    World world;
    world.fail(0, kind);
    CHECK(world.now() == Order{0, 1, 2});
  }
}

TEST_CASE("a silent upstream is asked after the others for half a minute") {
  World world;
  world.order.silent(1, world.clock.now());
  CHECK(world.in(29'999) == Order{0, 2, 1});
  CHECK(world.in(1) == Order{0, 1, 2});
}

TEST_CASE("of those in trouble the first is asked whose rest ends first") {
  World world;
  world.order.silent(0, world.clock.now());
  world.fail(1);
  CHECK(world.now() == Order{2, 1, 0});
}

TEST_CASE("one question tries an upstream whose rest is over, and the others wait for what comes of it") {
  World world;
  world.fail(0);
  CHECK(world.in(1'000) == Order{0, 1, 2});
  world.order.asked(0, world.clock.now());
  CHECK(world.now() == Order{1, 2, 0});
  SECTION("an answer ends it") {
    world.order.answered(0);
    CHECK(world.now() == Order{0, 1, 2});
  }
  SECTION("a question that was given up leaves it to the next one") {
    CHECK(world.in(5'000) == Order{0, 1, 2});
  }
}

}  // namespace breakwater::test
