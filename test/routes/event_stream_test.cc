#include "routes/ops/event_stream.h"

#include <nlohmann/json.hpp>

#include "routes/oci/request_context.h"
#include "routes/ops/ended_request.h"
#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;

store::Event event_called(const std::string& tag) {
  store::Event event;
  event.id = "id";
  event.action = "push";
  event.tag = tag;
  return event;
}

struct StreamWorld {
  void ask_for(const std::string& repository) {
    RecordedExchange exchange("GET", "/v2/" + repository + "/tags/list");
    RequestContext context;
    context.repository = repository;
    requests.add({exchange, context, 200, 0.5, loop.now()});
  }
  static RecordedExchange stream(const std::string& last_id = "") {
    proxy::Headers headers;
    if (!last_id.empty()) headers.add("Last-Event-ID", last_id);
    return RecordedExchange("GET", std::string(kEventsPath), headers);
  }
  bool until_says(const RecordedExchange& exchange, const std::string& text) {
    test::run_until(loop, [&] { return exchange.body().find(text) != std::string::npos; });
    return true;
  }
  proxy::Loop loop;
  test::FakeClock clock;
  RequestRing requests{loop, clock};
  EventRing events{3};
  EventStream all{loop, requests, events};
};

}  // namespace

TEST_CASE("a stream tells requests and events as they come, and nothing of before") {
  StreamWorld world;
  world.ask_for("before");
  world.events.add({event_called("before")});
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange);
  task.start();
  CHECK(exchange.reply_headers().get("Content-Type") == "text/event-stream");
  world.ask_for("team/app");
  world.until_says(exchange, "id: 2.1\nevent: request\ndata: {\"number\":2,");
  world.events.add({event_called("1")});
  world.until_says(exchange, "id: 2.2\nevent: event\ndata: {\"id\":\"id\",");
  CHECK(exchange.body().find("before") == std::string::npos);
}

TEST_CASE("a stream goes on behind the last id, and says what is missing") {
  StreamWorld world;
  for (const auto* tag : {"1", "2", "3", "4", "5"}) world.events.add({event_called(tag)});
  auto exchange = StreamWorld::stream("0.1");
  auto task = world.all.serve(exchange);
  task.start();
  world.until_says(exchange, "id: 0.5\n");
  CHECK(exchange.body().find("event: missed\ndata: {\"requests\":0,\"events\":1}") != std::string::npos);
  CHECK(exchange.body().find("\"tag\":\"2\"") == std::string::npos);
  CHECK(exchange.body().find("\"tag\":\"3\"") < exchange.body().find("\"tag\":\"5\""));
}

TEST_CASE("an id of before a restart begins with all that is there, a broken one with what comes") {
  StreamWorld world;
  world.events.add({event_called("1")});
  auto before = StreamWorld::stream("900.700");
  auto task = world.all.serve(before);
  task.start();
  world.until_says(before, "\"tag\":\"1\"");
  for (const auto* broken : {"7", "x.y", "1.", "1.2.3"}) {
    auto exchange = StreamWorld::stream(broken);
    auto other = world.all.serve(exchange);
    other.start();
    CHECK(exchange.body().find("tag") == std::string::npos);
  }
}

TEST_CASE("one who would miss something is ended") {
  StreamWorld world;
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange);
  task.start();
  for (const auto* tag : {"1", "2", "3", "4", "5"}) world.events.add({event_called(tag)});
  test::run_until(world.loop, [&] { return task.done(); });
  CHECK(exchange.body().find("tag") == std::string::npos);
}

TEST_CASE("only so many streams are open at once") {
  StreamWorld world;
  std::vector<std::unique_ptr<RecordedExchange>> exchanges;
  std::vector<proxy::Task<>> tasks;
  for (uint32_t i = 0; i <= EventStream::kStreamsMax; ++i) {
    exchanges.push_back(std::make_unique<RecordedExchange>("GET", std::string(kEventsPath)));
    tasks.push_back(world.all.serve(*exchanges.back()));
    tasks.back().start();
  }
  CHECK(exchanges.front()->status() == 200);
  CHECK(exchanges.back()->status() == 503);
  tasks.erase(tasks.begin());
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange);
  task.start();
  CHECK(exchange.status() == 200);
}

}  // namespace breakwater::routes
