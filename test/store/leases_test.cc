#include "store/references/leases.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = Leases::Kind;

// A process that runs for longer than a lease, so that only what is taken counts.
struct LeasedWorld {
  test::FakeClock clock;
  Leases leases{clock, hours(1)};
  Digest thing = test::digest_of("thing");

  LeasedWorld() { clock.advance(hours(2)); }
  bool may_go() {
    const bool begun = leases.begin_collection(thing);
    if (begun) leases.end_collection(thing);
    return begun;
  }
};

}  // namespace

TEST_CASE("what a client was told exists may not go before the lease has passed") {
  LeasedWorld world;
  CHECK(world.may_go());
  REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  world.clock.advance(minutes(59));
  CHECK_FALSE(world.may_go());
  world.clock.advance(minutes(1));
  CHECK(world.may_go());
}

TEST_CASE("after a start nothing may go until one lease has passed, because those of before are not known") {
  test::FakeClock clock;
  Leases leases(clock, hours(1));
  CHECK_FALSE(leases.begin_collection(test::digest_of("thing")));
  clock.advance(hours(1));
  CHECK(leases.begin_collection(test::digest_of("thing")));
}

TEST_CASE("a start takes over the leases of before, but none that is longer than one of now") {
  test::FakeClock clock;
  clock.advance(hours(1000));
  Leases before(clock, hours(1));
  const Digest told = test::digest_of("told");
  const Digest delivered = test::digest_of("delivered");
  clock.advance(hours(1));
  REQUIRE(before.take(told, Kind::read, {}, Reach::memory));
  REQUIRE(before.take(delivered, Kind::upload, {}, Reach::memory));
  REQUIRE(before.take(test::digest_of("probed at"), Kind::probe, {}, Reach::memory));
  clock.advance(minutes(1));
  const SavedLeases saved = before.saved();
  CHECK(saved.leases.size() == 2);

  clock.advance(-hours(500));  // it had been wrong
  Leases leases(clock, hours(1));
  leases.resume(saved);
  CHECK_FALSE(leases.begin_collection(test::digest_of("other")));
  leases.fulfil(delivered, {});
  clock.advance(minutes(59));
  CHECK_FALSE(leases.begin_collection(told));
  clock.advance(minutes(1));
  CHECK(leases.begin_collection(told));
  CHECK(leases.begin_collection(delivered));
  CHECK(leases.begin_collection(test::digest_of("other")));
}

TEST_CASE("what was not there before the start may go as soon as nobody relies on it") {
  test::FakeClock clock;
  Leases leases(clock, hours(1));
  const Digest thing = test::digest_of("thing");
  leases.note_new(thing);
  REQUIRE(leases.take(thing, Kind::probe, {}, Reach::memory));
  CHECK_FALSE(leases.begin_collection(thing));
  clock.advance(seconds(5));
  CHECK(leases.begin_collection(thing));
  CHECK_FALSE(leases.begin_collection(test::digest_of("other")));
}

TEST_CASE("nobody is told of what is being removed, and nothing is removed of which somebody was told") {
  LeasedWorld world;
  REQUIRE(world.leases.begin_collection(world.thing));
  CHECK_FALSE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  world.leases.end_collection(world.thing);
  CHECK(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  CHECK_FALSE(world.leases.begin_collection(world.thing));
}

TEST_CASE("a probe at a manifest holds it for moments") {
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::probe, {}, Reach::memory));
  CHECK_FALSE(world.may_go());
  world.clock.advance(Leases::kProbe);
  CHECK(world.may_go());
}

TEST_CASE("a probe does not shorten what was told before") {
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  REQUIRE(world.leases.take(world.thing, Kind::probe, {}, Reach::memory));
  world.clock.advance(minutes(30));
  CHECK_FALSE(world.may_go());
}

TEST_CASE("what was delivered for a manifest may go with the manifest, once for each delivery") {
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::upload, {}, Reach::memory));
  REQUIRE(world.leases.take(world.thing, Kind::upload, {}, Reach::memory));
  world.leases.fulfil(world.thing, {});
  CHECK_FALSE(world.may_go());
  world.leases.fulfil(world.thing, {});
  CHECK(world.may_go());
}

TEST_CASE("a delivery to one repository is not fulfilled by what comes to another") {
  const RepositoryKey app{"private", "team/app"}, other{"private", "team/other"};
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::upload, app, Reach::memory));
  REQUIRE(world.leases.take(world.thing, Kind::upload, other, Reach::memory));
  for (int i = 0; i < 3; ++i) world.leases.fulfil(world.thing, app);
  CHECK_FALSE(world.may_go());
  world.leases.fulfil(world.thing, other);
  CHECK(world.may_go());
}

TEST_CASE("of a delivery before a restart it is not known where it went: the next manifest may be its own") {
  const RepositoryKey app{"private", "team/app"}, other{"private", "team/other"};
  LeasedWorld world;
  SavedLeases saved{world.clock.now(), {}};
  saved.leases.push_back({world.thing, {Time{}, world.clock.now() + minutes(30), 1}});
  world.leases.resume(saved);
  REQUIRE(world.leases.take(world.thing, Kind::upload, app, Reach::memory));
  world.leases.fulfil(world.thing, other);
  CHECK_FALSE(world.may_go());
  world.leases.fulfil(world.thing, other);
  CHECK_FALSE(world.may_go());
  world.leases.fulfil(world.thing, app);
  CHECK(world.may_go());
}

TEST_CASE("a delivery that is fulfilled leaves what others were told") {
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::upload, {}, Reach::memory));
  REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  world.leases.fulfil(world.thing, {});
  CHECK_FALSE(world.may_go());
}

TEST_CASE("a lease of what turned out to be absent leaves nothing") {
  LeasedWorld world;
  const auto ticket = world.leases.take(world.thing, Kind::read, {}, Reach::memory);
  REQUIRE(ticket);
  world.leases.undo(world.thing, *ticket);
  CHECK(world.leases.size() == 0);

  SECTION("but not if another has taken it meanwhile") {
    const auto first = world.leases.take(world.thing, Kind::read, {}, Reach::memory);
    REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
    world.leases.undo(world.thing, *first);
    CHECK_FALSE(world.may_go());
  }
}

TEST_CASE("leases that have passed take no memory") {
  LeasedWorld world;
  REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  world.clock.advance(hours(1));
  world.leases.prune();
  CHECK(world.leases.size() == 0);
}

TEST_CASE("what a deleted manifest named inherits what was left of the manifest's lease") {
  LeasedWorld world;
  const Digest manifest = test::digest_of("manifest");
  world.leases.inherit(world.thing, manifest);  // that nobody has read
  CHECK(world.may_go());
  REQUIRE(world.leases.take(manifest, Kind::read, {}, Reach::memory));
  world.clock.advance(minutes(20));
  world.leases.inherit(world.thing, manifest);
  world.clock.advance(minutes(39));
  CHECK_FALSE(world.may_go());
  world.clock.advance(minutes(1));
  CHECK(world.may_go());
}

TEST_CASE("if room is needed an inherited lease ends when nobody has read for a minute") {
  using For = Leases::For;
  LeasedWorld world;
  const Digest manifest = test::digest_of("manifest");
  const auto may_go_for_room = [&] {
    const bool begun = world.leases.begin_collection(world.thing, For::room);
    if (begun) world.leases.end_collection(world.thing);
    return begun;
  };
  REQUIRE(world.leases.take(manifest, Kind::read, {}, Reach::memory));
  world.clock.advance(seconds(10));
  world.leases.inherit(world.thing, manifest);
  world.clock.advance(seconds(49));
  CHECK_FALSE(may_go_for_room());
  REQUIRE(world.leases.take(world.thing, Kind::probe, {}, Reach::memory));  // a GET of a layer
  world.clock.advance(seconds(59));
  CHECK_FALSE(may_go_for_room());
  world.clock.advance(seconds(1));
  CHECK(may_go_for_room());
  CHECK_FALSE(world.may_go());
  // A client that was told of the thing itself keeps it, room or not.
  REQUIRE(world.leases.take(world.thing, Kind::read, {}, Reach::memory));
  world.clock.advance(minutes(30));
  CHECK_FALSE(may_go_for_room());
}

TEST_CASE("an orderly stop keeps inherited leases") {
  LeasedWorld world;
  const Digest manifest = test::digest_of("manifest");
  REQUIRE(world.leases.take(manifest, Kind::read, {}, Reach::memory));
  world.leases.inherit(world.thing, manifest);
  Leases next(world.clock, hours(1));
  next.resume(world.leases.saved());
  world.clock.advance(minutes(59));
  CHECK_FALSE(next.begin_collection(world.thing));
  world.clock.advance(minutes(1));
  CHECK(next.begin_collection(world.thing));
}

}  // namespace breakwater::store
