#include "routes/ops/event_stream.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

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
  void ask_for(const std::string& repository, int status = 200) {
    RecordedExchange exchange("GET", "/v2/" + repository + "/tags/list");
    RequestContext context;
    context.route = "private";
    context.repository = repository;
    requests.add({exchange, context, status, 0.5, loop.now()});
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
  Result<EventsWanted> wanted(const std::vector<std::pair<std::string, std::string>>& parameters) {
    RouteDirectory directory;
    directory.routes = {{"private", RouteDirectory::Kind::registry, "", {5050}}};
    Arguments arguments;
    for (const auto& [name, value] : parameters) arguments.add(name, value);
    return EventsWanted::of(arguments, directory);
  }
  // The beginning of its ids, from what a stream has said.
  static std::string start_of(const RecordedExchange& exchange) {
    const size_t at = exchange.body().find("id: ") + 4;
    return exchange.body().substr(at, exchange.body().find('.', at) - at);
  }
  proxy::Loop loop;
  test::FakeClock clock;
  RequestRing requests{loop, clock};
  EventRing events{3};
  int told = 0, status_made = 0;
  EventStream all{loop, requests, events,
                  [this](const Sight&) {
                    ++status_made;
                    return Json{{"status", told}};
                  },
                  proxy::Millis(10)};
};

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Notes when it was written to.
struct TimedExchange : RecordedExchange {
  explicit TimedExchange(proxy::Loop& on) : RecordedExchange("GET", std::string(kEventsPath)), loop(on) {}
  proxy::Task<> write(std::string piece) override {
    written_at.push_back(loop.now());
    co_await RecordedExchange::write(std::move(piece));
  }
  proxy::Loop& loop;
  std::vector<proxy::Moment> written_at;
};

}  // namespace

TEST_CASE("a stream tells requests and events as they come, and nothing of before") {
  StreamWorld world;
  world.ask_for("before");
  world.events.add({event_called("before")});
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange, {});
  task.start();
  CHECK(exchange.reply_headers().get("Content-Type") == "text/event-stream");
  CHECK(exchange.body().starts_with("retry: 2000\n\n"));
  world.ask_for("team/app");
  world.until_says(exchange, ".2.1\nevent: request\ndata: {\"number\":2,");
  world.events.add({event_called("1")});
  world.until_says(exchange, ".2.2\nevent: event\ndata: {\"id\":\"id\",");
  CHECK(exchange.body().find("before") == std::string::npos);
}

TEST_CASE("the status is told at the beginning and when it changes, and is made once for all streams") {
  StreamWorld world;
  std::vector<std::unique_ptr<RecordedExchange>> exchanges;
  std::vector<proxy::Task<>> tasks;
  for (int i = 0; i < 8; ++i) {
    exchanges.push_back(std::make_unique<RecordedExchange>("GET", std::string(kEventsPath)));
    tasks.push_back(world.all.serve(*exchanges.back(), {}));
    tasks.back().start();
  }
  const auto begun_at = world.loop.now();
  for (const auto& exchange : exchanges)
    CHECK(exchange->body().find("event: status\ndata: {\"status\":0}\n\n") != std::string::npos);
  world.told = 1;
  for (const auto& exchange : exchanges) world.until_says(*exchange, "data: {\"status\":1}\n\n");
  world.ask_for("team/app");
  for (const auto& exchange : exchanges) world.until_says(*exchange, "event: request");
  for (const auto& exchange : exchanges) CHECK(count_of(exchange->body(), "event: status") == 2);
  const auto turns = (world.loop.now() - begun_at) / proxy::Millis(10) + 1;
  CHECK(world.status_made <= turns);
}

TEST_CASE("a stream is not written to more often than it may, however much happens") {
  StreamWorld world;
  TimedExchange exchange(world.loop);
  auto task = world.all.serve(exchange, {});
  task.start();
  test::run_until(world.loop, [&] {
    world.ask_for("team/app");
    ++world.told;
    return exchange.written_at.size() >= 10;
  });
  for (size_t i = 1; i < exchange.written_at.size(); ++i)
    CHECK(exchange.written_at[i] - exchange.written_at[i - 1] >= proxy::Millis(10));
}

TEST_CASE("of very many requests at once the last are told, and how many others there were") {
  StreamWorld world;
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange, {});
  task.start();
  for (int i = 0; i < 3000; ++i) world.ask_for("team/app");
  world.until_says(exchange, "\"number\":3000,");
  CHECK(exchange.body().find("event: missed\ndata: {\"requests\":2950,\"events\":0}") != std::string::npos);
  CHECK(count_of(exchange.body(), "event: request") == EventStream::kToldTogether);
  // A few more than one write takes are told in two.
  for (int i = 0; i < 70; ++i) world.ask_for("team/app");
  world.until_says(exchange, "\"number\":3070,");
  CHECK(count_of(exchange.body(), "event: request") == EventStream::kToldTogether + 70);
  CHECK(count_of(exchange.body(), "event: missed") == 1);
}

TEST_CASE("a stream tells the kinds and the requests that were asked for, and no others") {
  StreamWorld world;
  auto exchange = StreamWorld::stream(), quiet = StreamWorld::stream();
  const auto of = world.wanted({{"of", "request"}, {"result", "refused"}, {"image", "private/team/*"}});
  REQUIRE(of);
  auto task = world.all.serve(exchange, *of);
  task.start();
  auto other = world.all.serve(quiet, *world.wanted({{"of", "event"}}));
  other.start();
  world.events.add({event_called("1")});
  world.ask_for("team/app");
  world.ask_for("other/app", 404);
  world.ask_for("team/app", 404);
  world.until_says(exchange, "\"number\":3,");
  world.until_says(quiet, "event: event");
  CHECK(count_of(exchange.body(), "event: ") == 1);
  CHECK(count_of(quiet.body(), "event: ") == 1);
  for (int i = 0; i < 1500; ++i) world.ask_for("other/app");
  world.ask_for("team/app", 404);
  world.until_says(exchange, "\"number\":1504,");
  CHECK(count_of(exchange.body(), "event: request") == 2);
}

TEST_CASE("a parameter that no stream takes is a mistake") {
  StreamWorld world;
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  for (const auto& wrong :
       {Parameters{{"of", "status,all"}}, Parameters{{"result", "good"}}, Parameters{{"client", "me"}},
        Parameters{{"x", "1"}}, Parameters{{"of", "status"}, {"of", "event"}}})
    CHECK(world.wanted(wrong).error().kind == Error::Kind::invalid);
  CHECK(world.wanted({{"image", "nowhere.example/app"}}).error().kind == Error::Kind::not_found);
}

TEST_CASE("a stream goes on behind the last id, and says what is missing") {
  StreamWorld world;
  auto first = StreamWorld::stream();
  {
    auto task = world.all.serve(first, {});
    task.start();
  }
  for (const auto* tag : {"1", "2", "3", "4", "5"}) world.events.add({event_called(tag)});
  auto exchange = StreamWorld::stream(StreamWorld::start_of(first) + ".0.1");
  auto task = world.all.serve(exchange, {});
  task.start();
  world.until_says(exchange, ".0.5\n");
  CHECK(exchange.body().find("event: missed\ndata: {\"requests\":0,\"events\":1}") != std::string::npos);
  CHECK(exchange.body().find("\"tag\":\"2\"") == std::string::npos);
  CHECK(exchange.body().find("\"tag\":\"3\"") < exchange.body().find("\"tag\":\"5\""));
}

TEST_CASE("an id of another start begins with all that is there, a broken one with what comes") {
  StreamWorld world;
  world.events.add({event_called("1")});
  world.ask_for("team/app");
  for (const auto* other_start : {"00000000.1.1", "0badcafe.900.700"}) {
    auto before = StreamWorld::stream(other_start);
    auto task = world.all.serve(before, {});
    task.start();
    world.until_says(before, "\"tag\":\"1\"");
    CHECK(before.body().find("\"number\":1,") != std::string::npos);
  }
  for (const auto* broken : {"7", "x.y", "1.", "1.2.3.4", "1.2", "a.1.", "a.1.x"}) {
    auto exchange = StreamWorld::stream(broken);
    auto other = world.all.serve(exchange, {});
    other.start();
    CHECK(exchange.body().find("tag") == std::string::npos);
  }
}

TEST_CASE("one who has missed something is told how much, and goes on") {
  StreamWorld world;
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange, {});
  task.start();
  for (const auto* tag : {"1", "2", "3", "4", "5"}) world.events.add({event_called(tag)});
  world.until_says(exchange, "event: missed\ndata: {\"requests\":0,\"events\":2}");
  world.until_says(exchange, "\"tag\":\"5\"");
  CHECK_FALSE(task.done());
}

TEST_CASE("streams are ended together, and who comes again says where it was") {
  StreamWorld world;
  auto exchange = StreamWorld::stream();
  auto task = world.all.serve(exchange, {});
  task.start();
  REQUIRE(world.until_says(exchange, "event: status"));
  world.ask_for("team/app");
  REQUIRE(world.until_says(exchange, "team/app"));
  const std::string id = StreamWorld::start_of(exchange) + ".1.0";
  world.all.end();
  test::run_until(world.loop, [&] { return task.done(); });
  world.ask_for("team/later");

  auto again = StreamWorld::stream();
  auto goes_on = world.all.serve(again, *world.wanted({{"after", id}}));
  goes_on.start();
  REQUIRE(world.until_says(again, "team/later"));
  CHECK(again.body().find("team/app") == std::string::npos);
}

TEST_CASE("only so many streams are open at once, of one client and in all") {
  StreamWorld world;
  std::vector<std::unique_ptr<RecordedExchange>> exchanges;
  std::vector<proxy::Task<>> tasks;
  const auto open = [&](uint8_t host) {
    exchanges.push_back(std::make_unique<RecordedExchange>("GET", std::string(kEventsPath)));
    exchanges.back()->set_peer(10, 0, 0, host);
    tasks.push_back(world.all.serve(*exchanges.back(), {}));
    tasks.back().start();
    return exchanges.back()->status();
  };
  for (uint32_t i = 0; i < EventStream::kStreamsOfClientMax; ++i) CHECK(open(1) == 200);
  CHECK(open(1) == 503);
  CHECK(exchanges.back()->reply_headers().get("Retry-After") == "15");
  for (uint32_t i = EventStream::kStreamsOfClientMax; i < EventStream::kStreamsMax; ++i)
    CHECK(open(static_cast<uint8_t>(2 + i / EventStream::kStreamsOfClientMax)) == 200);
  CHECK(open(200) == 503);
  CHECK(exchanges.size() == EventStream::kStreamsMax + 2);
  tasks.erase(tasks.begin());
  CHECK(open(1) == 200);
}

TEST_CASE("processes of this machine leave the control socket free for others") {
  StreamWorld world;
  std::vector<std::unique_ptr<RecordedExchange>> exchanges;
  std::vector<proxy::Task<>> tasks;
  for (uint32_t i = 0; i <= EventStream::kStreamsOfMachineMax; ++i) {
    exchanges.push_back(std::make_unique<RecordedExchange>("GET", std::string(kEventsPath)));
    exchanges.back()->set_no_peer();
    tasks.push_back(world.all.serve(*exchanges.back(), {}));
    tasks.back().start();
  }
  CHECK(exchanges.front()->status() == 200);
  CHECK(exchanges.back()->status() == 503);
}

}  // namespace breakwater::routes
