// Who sets the wall clock changes no order, no age and no lease.
#include "store/catalog/store_clock.h"

#include <chrono>
#include <string>

#include "store/blobs/idle_partials.h"
#include "store/catalog/catalog_state.h"
#include "store/references/leases.h"
#include "store/references/references.h"
#include "store/upkeep/scrub.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::PushedWorld;

// A registry whose policy for all repositories is this one.
struct PolicyWorld : PushedWorld {
  explicit PolicyWorld(const RetentionPolicy& policy) {
    settings.retention["private"] = {policy};
    settings.registry_routes = {"private"};
    open_again();
  }
  void open_again() {
    REQUIRE(open());
    clock.advance(settings.lease);
  }
  void push_build(int number) {
    const std::string name = "build-" + std::to_string(number);
    push(name, {upload("layer of " + name)}, {name});
  }
  void expire() {
    const auto deleted = store->collector().apply_retention();
    REQUIRE(deleted);
  }
};

RetentionPolicy keeping(std::optional<uint64_t> last, std::optional<Time::duration> age) {
  RetentionPolicy policy;
  policy.repositories = {"*"};
  policy.keep_last = last;
  policy.keep_for = age;
  return policy;
}

TEST_CASE("the store's clock goes on over a restart of the process, whatever the wall clock does") {
  test::FakeClock machine;
  StoreClock first(machine, std::nullopt);
  CHECK(first.now() == machine.wall());
  machine.advance(hours(1));
  const ClockRecord saved = first.record();
  const Time before = first.now();
  machine.set_wall_by(-days(30));
  machine.advance(minutes(2));
  const StoreClock second(machine, saved);
  CHECK(second.is_same_boot());
  CHECK(second.now() == before + minutes(2));
}

TEST_CASE("after a restart of the machine the store's clock is never behind what it was") {
  test::FakeClock machine;
  StoreClock first(machine, std::nullopt);
  const ClockRecord saved = first.record();
  machine.advance(minutes(4));
  CHECK_FALSE(first.is_record_due());
  machine.advance(minutes(2));
  CHECK(first.is_record_due());
  const Time before = first.next();
  machine.reboot();
  SECTION("the wall clock went on") { machine.advance(minutes(20)); }
  SECTION("the wall clock begins anew") { machine.set_wall_by(-days(9000)); }
  SECTION("the wall clock is years ahead") { machine.set_wall_by(days(9000)); }
  StoreClock second(machine, saved);
  CHECK_FALSE(second.is_same_boot());
  CHECK(second.now() > before);
  CHECK(second.now() - before < hours(2));
}

TEST_CASE("what is pushed in one moment has an order") {
  test::FakeClock machine;
  StoreClock clock(machine, std::nullopt);
  const Time first = clock.next(), second = clock.next();
  CHECK(first < second);
  CHECK(clock.now() >= second);
}

TEST_CASE("what has one date has one moment, although the two clocks do not tick at once") {
  test::FakeClock machine;
  const StoreClock clock(machine, std::nullopt);
  const Time date = machine.wall() - hours(5);
  const Time moment = clock.of_wall(date);
  machine.set_wall_by(milliseconds(1));
  CHECK(clock.of_wall(date) == moment);
  CHECK(clock.to_wall(moment) == date);
  machine.set_wall_by(-hours(1));
  CHECK(clock.of_wall(date) == clock.now() - (machine.wall() - date));
  CHECK(clock.of_wall(machine.wall() + days(1)) == clock.now());
}

TEST_CASE("the last tags are those that were pushed last, however the wall clock was set") {
  PolicyWorld world(keeping(1, std::nullopt));
  world.push_build(1);
  SECTION("back a little") { world.clock.set_wall_by(-seconds(5)); }
  SECTION("back a month") { world.clock.set_wall_by(-days(30)); }
  SECTION("ahead") { world.clock.set_wall_by(days(30)); }
  SECTION("back, and the process started again") {
    world.clock.set_wall_by(-days(30));
    world.open_again();
  }
  SECTION("back, and the machine started again") {
    world.clock.set_wall_by(-days(30));
    world.clock.reboot();
    world.open_again();
  }
  SECTION("back after the power was cut") {
    world.crash();
    world.disk.power_cut();
    world.clock.reboot();
    world.clock.set_wall_by(-days(30));
    world.open_again();
  }
  world.push_build(2);
  world.expire();
  CHECK_FALSE(world.has_tag("build-1"));
  CHECK(world.has_tag("build-2"));
}

TEST_CASE("a tag that is pushed again counts as the newest, although the wall clock was set back") {
  PolicyWorld world(keeping(1, std::nullopt));
  world.push_build(1);
  world.clock.advance(minutes(1));
  world.push_build(2);
  world.clock.set_wall_by(-days(1));
  world.clock.advance(minutes(1));
  world.push_build(1);
  world.expire();
  CHECK(world.has_tag("build-1"));
  CHECK_FALSE(world.has_tag("build-2"));
}

TEST_CASE("keep_for counts time that passes") {
  PolicyWorld world(keeping(std::nullopt, hours(24)));
  world.push_build(1);
  world.clock.set_wall_by(days(365));
  world.expire();
  CHECK(world.has_tag("build-1"));
  world.open_again();
  world.expire();
  CHECK(world.has_tag("build-1"));
  world.clock.set_wall_by(-2 * days(365));
  world.clock.advance(hours(24));
  world.expire();
  CHECK_FALSE(world.has_tag("build-1"));
}

TEST_CASE("a wall clock that is set ahead ends no lease, over a restart too") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.clock.set_wall_by(hours(2));
  SECTION("at once") {}
  SECTION("over a restart of the process") {
    world.settings.registry_routes = {"private"};
    REQUIRE(world.open());
  }
  SECTION("over a restart of the machine") {
    world.clock.reboot();
    REQUIRE(world.open());
  }
  world.collect();
  REQUIRE(world.is_stored(layer));
  const Digest image = world.push("image", {layer}, {"latest"});
  CHECK(world.has_manifest(image));
}

TEST_CASE("a wall clock that is set back makes no lease longer") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  world.clock.set_wall_by(-days(30));
  world.clock.advance(world.settings.lease + seconds(1));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
}

TEST_CASE("what is used least recently goes first, although the wall clock was set back in between") {
  test::StoreWorld world;
  world.settings.route_bytes_max["dockerhub"] = 3 << 12;
  REQUIRE(world.open());
  const RepositoryKey app{"dockerhub", "library/app"};
  const std::string first = test::content_of(4000, 1), second = test::content_of(4000, 2),
                    third = test::content_of(4000, 3), fourth = test::content_of(4000, 4);
  REQUIRE(world.put(app, first));
  world.clock.set_wall_by(-days(30));
  world.clock.advance(minutes(2));
  REQUIRE(world.put(app, second));
  world.clock.advance(minutes(2));
  REQUIRE(world.put(app, third));
  world.clock.advance(minutes(2));
  REQUIRE(world.put(app, fourth));
  CHECK_FALSE(world.store->blobs().open(test::digest_of(first)));
  CHECK(world.store->blobs().open(test::digest_of(fourth)));
}

TEST_CASE("an upload session is as old as the time that has passed since its last byte, over a restart too") {
  PushedWorld world;
  world.settings.registry_routes = {"private"};
  {
    auto partial = world.store->partials().receive("private", "upload-x", Algorithm::sha256);
    REQUIRE(partial);
    REQUIRE(world.store->partials().put_upload(
        "upload-x", {"private", "team/app", Algorithm::sha256, world.store->clock().now()}));
    const std::string some(5000, 'x');
    REQUIRE(world.store->capacity().grow(partial->reservation, some.size()));
    REQUIRE(partial->writer->append(some));
  }
  world.clock.set_wall_by(days(300));
  REQUIRE(world.open());
  const auto record = world.store->catalog().upload("upload-x", Reach::disk);
  REQUIRE(record);
  REQUIRE(*record);
  CHECK(world.store->clock().now() - (*record)->touched_at < minutes(1));
}

TEST_CASE("a folder of a version that had only the wall clock goes on with its times") {
  PolicyWorld world(keeping(1, std::nullopt));
  world.push_build(1);
  world.push_build(2);
  for (const auto& [tag, age] : {std::pair("build-1", hours(1)), std::pair("build-2", hours(2))}) {
    auto record = *world.store->catalog().tag(world.app, tag, Reach::disk).value();
    record.set_at = world.clock.wall() - age;
    CHECK(record.sequence != Time());
    record.sequence = {};
    CHECK(record.pushed() == record.set_at);
    REQUIRE(world.store->references().put_tag(world.app, tag, record, Durability::buffered));
  }
  world.expire();
  CHECK(world.has_tag("build-1"));
  CHECK_FALSE(world.has_tag("build-2"));
}

}  // namespace
}  // namespace breakwater::store
