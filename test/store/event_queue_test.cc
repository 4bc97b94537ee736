#include "store/history/event_queue.h"

#include "store/catalog/catalog.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using Kind = Event::Kind;

const std::string kA = "a", kB = "b";

Event event_called(const std::string& id, Kind kind = Kind::push) {
  Event event;
  event.kind = kind;
  event.id = id;
  event.at = Time(std::chrono::hours(1));
  event.action = "push";
  event.route = "private";
  event.repository = "team/app";
  event.tag = "1";
  event.digest = "sha256:ab";
  event.media_type = "type";
  event.size = 7;
  event.reason = "why";
  event.request_id = "trace";
  event.address = "10.0.0.7";
  event.host = "registry";
  event.method = "PUT";
  event.user_agent = "docker";
  event.user = "alice";
  event.is_secure = true;
  return event;
}

struct QueueWorld : test::StoreWorld {
  QueueWorld() { REQUIRE(open()); }
  EventQueue& begin(std::map<std::string, EventQueue::Kinds> readers, EventQueue::Bounds bounds = {}) {
    queue = std::make_unique<EventQueue>(store->parts().catalog, std::move(readers), bounds);
    REQUIRE(queue->load());
    return *queue;
  }
  void note(const std::string& id, Kind kind = Kind::push) {
    REQUIRE(queue->note({event_called(id, kind)}, Durability::buffered));
  }
  // The ids that the reader gets, each passed.
  std::string taken(const std::string& reader) {
    std::string ids;
    for (;;) {
      const auto next = queue->next(reader);
      REQUIRE(next);
      if (!*next) return ids;
      ids += (*next)->event.id + " ";
      REQUIRE(queue->pass(reader, (*next)->number));
    }
  }
  std::unique_ptr<EventQueue> queue;
};

const EventQueue::Kinds kPushes = {Kind::push};

}  // namespace

TEST_CASE("a queue begins on a disk that is full, and nothing is lost that is noted when there is room") {
  QueueWorld world;
  world.disk.full_after(0);
  world.begin({{kA, kPushes}});
  world.disk.heal();
  world.queue.reset();
  REQUIRE(world.open());
  world.begin({{kA, kPushes}});
  world.note("one");
  world.queue.reset();
  REQUIRE(world.open());
  world.begin({{kA, kPushes}});
  CHECK(world.taken(kA) == "one ");
}

TEST_CASE("an event that an older version has written is read, without what it did not know") {
  auto event = event_called("one");
  event.user.clear();
  event.is_secure = false;
  const auto bytes = encode(event);
  const auto older = decode_event(std::string_view(bytes).substr(0, bytes.size() - 2));
  REQUIRE(older);
  CHECK(encode(*older) == bytes);
  CHECK_FALSE(decode_event(std::string_view(bytes).substr(0, bytes.size() - 1)));
}

TEST_CASE("an event is in the catalog with all that it says, until its reader has passed it") {
  QueueWorld world;
  auto& queue = world.begin({{kA, kPushes}});
  world.note("one");
  const auto next = queue.next(kA);
  REQUIRE(next);
  REQUIRE(*next);
  CHECK(encode((*next)->event) == encode(event_called("one")));
  CHECK((*next)->event.user_agent == "docker");
  CHECK((*next)->event.user == "alice");
  CHECK((*next)->event.is_secure);
  CHECK(queue.stats(kA).waiting == 1);
  CHECK(queue.stats(kA).oldest_at == event_called("one").at);
  REQUIRE(queue.pass(kA, (*next)->number));
  CHECK_FALSE(*queue.next(kA));
  CHECK(queue.rows() == 0);
}

TEST_CASE(
    "a queue that speaks for one of its readers keeps what waits for the others, and adds nothing to it") {
  QueueWorld world;
  world.begin({{kA, kPushes}, {kB, kPushes}});
  world.note("one");
  {
    EventQueue some(world.store->parts().catalog, {{kA, kPushes}});
    REQUIRE(some.load(EventQueue::Others::kept));
    REQUIRE(some.note({event_called("two")}, Durability::synced));
    REQUIRE(some.pass(kA, 1));
  }
  {
    EventQueue none(world.store->parts().catalog, {});
    REQUIRE(none.load(EventQueue::Others::kept));
    REQUIRE(none.note({event_called("nobody's")}, Durability::synced));
  }
  world.begin({{kA, kPushes}, {kB, kPushes}});
  CHECK(world.taken(kA) == "two ");
  CHECK(world.taken(kB) == "one two ");
}

TEST_CASE("what was not passed is there after a restart, in its order, and numbers go on") {
  QueueWorld world;
  world.begin({{kA, kPushes}});
  world.note("one");
  world.note("two");
  world.note("three");
  REQUIRE(world.queue->pass(kA, (*world.queue->next(kA))->number));
  world.begin({{kA, kPushes}});
  world.note("four");
  CHECK(world.taken(kA) == "two three four ");
  world.begin({{kA, kPushes}});
  world.note("five");
  CHECK(world.taken(kA) == "five ");
}

TEST_CASE(
    "each reader has its own place and its own kinds, and one that is behind keeps only what it needs") {
  QueueWorld world;
  world.begin({{kA, kPushes}, {kB, {Kind::push, Kind::removal}}});
  world.note("push");
  world.note("delete", Kind::removal);
  world.note("nobody's", Kind::upstream);
  CHECK(world.queue->rows() == 2);
  CHECK(world.taken(kA) == "push ");
  CHECK(world.queue->rows() == 2);
  CHECK(world.taken(kB) == "push delete ");
  CHECK(world.queue->rows() == 0);
}

TEST_CASE("a new reader begins with what comes, and one that is gone keeps nothing") {
  QueueWorld world;
  world.begin({{kA, kPushes}});
  world.note("one");
  world.begin({{kB, kPushes}});
  CHECK(world.queue->rows() == 0);
  world.note("two");
  CHECK(world.taken(kB) == "two ");
  world.begin({});
  world.note("three");
  CHECK(world.queue->rows() == 0);
}

TEST_CASE("beyond its bound of rows or bytes a queue drops the oldest, and counts them") {
  QueueWorld world;
  EventQueue::Bounds bounds;
  bounds.rows_max = 2;
  world.begin({{kA, kPushes}}, bounds);
  for (const auto* id : {"one", "two", "three", "four"}) world.note(id);
  CHECK(world.queue->stats(kA).dropped == 2);
  CHECK(world.taken(kA) == "three four ");
  bounds.rows_max = 100;
  bounds.bytes_max = 2 * encode(event_called("12345")).size();
  world.begin({{kA, kPushes}}, bounds);
  for (const auto* id : {"11111", "22222", "33333"}) world.note(id);
  CHECK(world.queue->stats(kA).dropped == 1);
  CHECK(world.taken(kA) == "22222 33333 ");
}

TEST_CASE(
    "what comes in great numbers takes half of the queue, and is dropped and counted beyond, for nobody "
    "else") {
  QueueWorld world;
  EventQueue::Bounds bounds;
  bounds.rows_max = 4;
  auto& queue = world.begin({{kA, kPushes}, {kB, {Kind::removal}}}, bounds);
  world.note("one");
  CHECK(*queue.note_if_room(event_called("two")));
  CHECK_FALSE(*queue.note_if_room(event_called("three")));
  CHECK(*queue.note_if_room(event_called("nobody's", Kind::upstream)));
  world.note("four");
  CHECK(queue.stats(kA).dropped == 1);
  CHECK(queue.stats(kB).dropped == 0);
  CHECK(world.taken(kA) == "one two four ");
  world.taken(kB);
  CHECK(*queue.note_if_room(event_called("five")));
  bounds.bytes_max = 2 * encode(event_called("1")).size();
  auto& narrow = world.begin({{kA, kPushes}}, bounds);
  CHECK(world.taken(kA) == "five ");
  CHECK(*narrow.note_if_room(event_called("1")));
  CHECK_FALSE(*narrow.note_if_room(event_called("2")));
}

TEST_CASE("passing an event that was dropped meanwhile changes nothing") {
  QueueWorld world;
  EventQueue::Bounds bounds;
  bounds.rows_max = 1;
  world.begin({{kA, kPushes}}, bounds);
  world.note("one");
  const auto first = (*world.queue->next(kA))->number;
  world.note("two");
  REQUIRE(world.queue->pass(kA, first));
  CHECK(world.taken(kA) == "two ");
}

}  // namespace breakwater::store
