// What a verb does on a folder that nobody serves is told to webhooks by whoever serves it next.
#include <string>
#include <vector>

#include "store/blobs/parts.h"
#include "store/history/event_queue.h"
#include "test/catch.h"
#include "test/fakes/verb_world.h"

namespace breakwater::conf {
namespace {

using Kind = store::Event::Kind;
using test::run;

struct FolderEventsWorld : test::VerbWorld {
  FolderEventsWorld() {
    verbs.webhooks = {{*proxy::Url::parse("http://127.0.0.1:1/hook"), "secret", {Kind::push, Kind::removal}}};
    begin();
    store.reset();
  }
  // As a server does.
  void begin() {
    queue = std::make_unique<store::EventQueue>(store->parts().catalog, routes::readers_of(verbs.webhooks));
    REQUIRE(queue->load());
  }
  // What a server finds that starts now.
  std::vector<store::Event> told() {
    REQUIRE(open());
    begin();
    const auto reader = verbs.webhooks.front().reader();
    std::vector<store::Event> events;
    for (;;) {
      const auto next = queue->next(reader);
      REQUIRE(next);
      if (!*next) break;
      events.push_back((*next)->event);
      REQUIRE(queue->pass(reader, (*next)->number));
    }
    queue.reset();
    store.reset();
    return events;
  }
  std::unique_ptr<store::EventQueue> queue;
};

}  // namespace

TEST_CASE("what a verb deletes on a folder that nobody serves is told after the next start, once") {
  FolderEventsWorld world;
  const test::Printed printed;
  REQUIRE(run(world.verbs, {"rm", "private/team/app:1", "--dry-run"}) == 0);
  CHECK(world.told().empty());
  REQUIRE(run(world.verbs, {"rm", "private/team/app:1", "--yes"}) == 0);
  const auto events = world.told();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::removal);
  CHECK(events[0].action == "delete");
  CHECK(events[0].route == "private");
  CHECK(events[0].repository == "team/app");
  CHECK(events[0].tag == "1");
  CHECK(events[0].digest == test::digest_of(world.image).text());
  CHECK(events[0].reason == "an operator has deleted it");
  CHECK(world.told().empty());
}

TEST_CASE("a tag that an import sets is told as a push, and one that is here already is not") {
  FolderEventsWorld world;
  const test::Printed printed;
  REQUIRE(world.give() == 0);
  world.layout = world.to / "team/app";
  REQUIRE(world.take() == 0);
  CHECK(world.told().empty());
  REQUIRE(run(world.verbs, {"import", "--layout", world.layout, "--route", "private", "--repository",
                            "back/app", "--dry-run"}) == 0);
  CHECK(world.told().empty());
  REQUIRE(run(world.verbs, {"import", "--layout", world.layout, "--route", "private", "--repository",
                            "back/app", "--yes"}) == 0);
  const auto events = world.told();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::push);
  CHECK(events[0].action == "push");
  CHECK(events[0].repository == "back/app");
  CHECK(events[0].tag == "1");
  CHECK(events[0].digest == test::digest_of(world.image).text());
  CHECK(events[0].media_type == routes::kOciManifest);
  CHECK(events[0].reason == "an operator has imported it");
}

TEST_CASE("a verb whose configuration names no webhooks leaves what waits for the server's") {
  FolderEventsWorld world;
  const test::Printed printed;
  REQUIRE(run(world.verbs, {"rm", "private/team/app:1", "--yes"}) == 0);
  auto others = world.verbs;
  others.webhooks.clear();
  CHECK(run(others, {"du"}) == 0);
  CHECK(world.told().size() == 1);
}

}  // namespace breakwater::conf
