#include "proxy/upstream/upstreams.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/run.h"

namespace breakwater::test {
namespace {

using proxy::AskedUpstream;
using proxy::Hops;
using proxy::RegistryClient;
using proxy::Task;
using proxy::Upstreams;
using std::chrono::seconds;
using Indices = std::vector<size_t>;

// Upstreams that are asked for a number.
struct World {
  explicit World(size_t upstreams) : says(upstreams) {
    settings.silence_max_ms = 60'000;
    for (size_t i = 0; i < upstreams; ++i) registries.push_back(std::make_unique<FakeRegistry>(loop));
  }
  Upstreams& upstreams() {
    if (made) return *made;
    Upstreams::Clients clients;
    for (const auto& registry : registries) {
      proxy::RegistryClientSettings of_one;
      of_one.upstream = registry->endpoint();
      of_one.hop_name = settings.hop_name;
      clients.push_back(std::make_unique<RegistryClient>(loop, http_client, clock, log, of_one));
    }
    made = std::make_unique<Upstreams>(loop, clock, settings, std::move(clients));
    return *made;
  }

  Task<Result<int>> answer_of(size_t index) {
    asked.push_back(index);
    while (!says[index]) co_await changed.wait();
    co_return *says[index];
  }
  Task<Result<int>> question() {
    auto attempt = [this](const AskedUpstream& upstream) {
      size_t index = 0;
      while (&upstreams()[index] != &upstream.client()) ++index;
      return answer_of(index);
    };
    return upstreams().first_of(hops, attempt);
  }
  Result<int> ask() {
    asked.clear();
    return run(loop, question());
  }
  void say(size_t index, Result<int> answer) {
    says[index] = std::move(answer);
    changed.ring();
  }
  void fail(size_t index, Error::Kind kind = Error::Kind::unavailable) {
    say(index, failure(kind, "upstream " + std::to_string(index)));
  }
  void wait_until_asked(const Indices& indices) {
    run_until(loop, [&] { return asked == indices; });
  }

  proxy::Loop loop;
  proxy::HttpClient http_client{loop, proxy::HttpClientSettings()};
  FakeClock clock;
  FakeLog log;
  proxy::UpstreamsSettings settings;
  std::vector<std::unique_ptr<FakeRegistry>> registries;
  std::vector<std::optional<Result<int>>> says;  // nothing: silent
  Indices asked;
  Hops hops;
  proxy::Signal changed{loop};
  std::unique_ptr<Upstreams> made;
};

const std::string kOurs = "breakwater-5555555555555555";
const std::string kLesser = "breakwater-1111111111111111";
const std::string kGreater = "breakwater-9999999999999999";

Hops through(const std::string& name) { return Hops::of({{"Via", "1.1 " + name}}); }

// Upstreams of which the first says that it is `peer`; "" if it is no appliance.
struct PeerWorld : World {
  explicit PeerWorld(size_t upstreams, const std::string& peer) : World(upstreams) {
    settings.hop_name = kOurs;
    proxy::Headers headers;
    if (!peer.empty()) headers.add("Via", "1.1 " + peer);
    registries.front()->answer("/v2/", Canned{200, headers, "{}"});
  }
  // The first has answered something.
  void meet() {
    proxy::RegistryClientRequest request("GET", "/v2/");
    REQUIRE(run(loop, upstreams()[0].fetch(std::move(request), 100)));
  }
  bool is_circle(const std::string& sender, bool is_being_asked) {
    const auto refusal = run(loop, upstreams().circle(through(sender), is_being_asked));
    if (refusal) CHECK(refusal->kind == Error::Kind::not_found);
    return refusal.has_value();
  }
};

Task<> keep(Task<Result<int>> question, std::optional<Result<int>>& answer) {
  answer = co_await std::move(question);
}

}  // namespace

TEST_CASE("the first upstream that has it answers, and those behind it are not asked") {
  World world(3);
  world.say(0, 7);
  world.say(1, 8);
  CHECK(*world.ask() == 7);
  CHECK(world.asked == Indices{0});
}

TEST_CASE(
    "an upstream that does not have it, refuses, fails or sends what is of no use is followed by the next") {
  for (const auto kind : {Error::Kind::not_found, Error::Kind::denied, Error::Kind::unavailable,
                          Error::Kind::throttled, Error::Kind::corrupt, Error::Kind::invalid}) {
    World world(2);
    world.fail(0, kind);
    world.say(1, 8);
    CHECK(*world.ask() == 8);
    CHECK(world.asked == Indices{0, 1});
  }
}

TEST_CASE("there is none only if every upstream says so") {
  using Kind = Error::Kind;
  struct Row {
    Kind first, second, told;
    const char* by;
  };
  const auto row = GENERATE(values<Row>({
      {Kind::not_found, Kind::not_found, Kind::not_found, "upstream 0"},
      {Kind::not_found, Kind::denied, Kind::denied, "upstream 1"},
      {Kind::denied, Kind::not_found, Kind::denied, "upstream 0"},
      {Kind::not_found, Kind::corrupt, Kind::corrupt, "upstream 1"},
      {Kind::not_found, Kind::unavailable, Kind::unavailable, "upstream 1"},
      {Kind::denied, Kind::throttled, Kind::throttled, "upstream 1"},
      {Kind::unavailable, Kind::denied, Kind::unavailable, "upstream 0"},
      {Kind::corrupt, Kind::denied, Kind::corrupt, "upstream 0"},
      {Kind::throttled, Kind::unavailable, Kind::throttled, "upstream 0"},
  }));
  World world(2);
  world.fail(0, row.first);
  world.fail(1, row.second);
  const auto answer = world.ask();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == row.told);
  CHECK(answer.error().message == row.by);
}

TEST_CASE("of equal errors the first upstream's is told, in whatever order they were asked") {
  World world(2);
  world.fail(0);
  world.fail(1, Error::Kind::not_found);
  world.ask();
  world.fail(0, Error::Kind::not_found);
  const auto answer = world.ask();
  CHECK(world.asked == Indices{1, 0});
  CHECK(answer.error().message == "upstream 0");
}

TEST_CASE("a silent upstream is joined by the next, and whichever succeeds first is the answer") {
  World world(3);
  world.settings.silence_max_ms = 1;
  proxy::Tasks tasks(world.loop);
  std::optional<Result<int>> answer;
  tasks.spawn(keep(world.question(), answer));
  world.wait_until_asked({0, 1, 2});
  const auto speaker = GENERATE(size_t(0), size_t(1), size_t(2));
  world.fail((speaker + 1) % 3, Error::Kind::not_found);
  run_some_turns(world.loop);
  CHECK_FALSE(answer);
  world.say(speaker, 7);
  run_until(world.loop, [&] { return answer.has_value(); });
  CHECK(**answer == 7);
}

TEST_CASE("when all have been asked, the slow ones are waited for") {
  World world(2);
  world.settings.silence_max_ms = 1;
  world.fail(1, Error::Kind::not_found);
  proxy::Tasks tasks(world.loop);
  std::optional<Result<int>> answer;
  tasks.spawn(keep(world.question(), answer));
  world.wait_until_asked({0, 1});
  run_some_turns(world.loop);
  CHECK_FALSE(answer);
  world.fail(0);
  run_until(world.loop, [&] { return answer.has_value(); });
  CHECK(answer->error().kind == Error::Kind::unavailable);
}

TEST_CASE("a silent upstream is asked after the others for half a minute, and one that fails for a second") {
  World world(2);
  world.settings.silence_max_ms = 1;
  world.say(1, 8);
  CHECK(*world.ask() == 8);
  CHECK(world.asked == Indices{0, 1});
  CHECK(*world.ask() == 8);
  CHECK(world.asked == Indices{1});
  CHECK(world.upstreams().in_order(Hops()).front() == &world.upstreams()[1]);
  world.clock.advance(seconds(30));
  world.fail(0);
  CHECK(*world.ask() == 8);
  CHECK(world.asked == Indices{0, 1});
  CHECK(*world.ask() == 8);
  CHECK(world.asked == Indices{1});
  world.clock.advance(seconds(1));
  world.say(0, 7);
  CHECK(*world.ask() == 7);
}

TEST_CASE("an upstream in trouble is asked when those before it have failed") {
  World world(2);
  world.fail(0);
  world.say(1, 8);
  CHECK(*world.ask() == 8);
  world.say(0, 7);
  world.fail(1, Error::Kind::not_found);
  CHECK(*world.ask() == 7);
  CHECK(world.asked == Indices{1, 0});
}

TEST_CASE("a single upstream is asked as if there were no others to speak of: however slow it is, or ill") {
  World world(1);
  world.settings.silence_max_ms = 0;
  proxy::Tasks tasks(world.loop);
  std::optional<Result<int>> answer;
  tasks.spawn(keep(world.question(), answer));
  run_some_turns(world.loop);
  CHECK(world.asked == Indices{0});
  world.fail(0, Error::Kind::denied);
  run_until(world.loop, [&] { return answer.has_value(); });
  CHECK(answer->error().kind == Error::Kind::denied);
}

TEST_CASE("a question may be given up while its attempts wait") {
  World world(2);
  world.settings.silence_max_ms = 1;
  {
    proxy::Tasks tasks(world.loop);
    std::optional<Result<int>> answer;
    tasks.spawn(keep(world.question(), answer));
    world.wait_until_asked({0, 1});
  }
  world.say(0, 7);
  run_some_turns(world.loop);
  CHECK_FALSE(world.changed.awaited());
}

TEST_CASE("upstreams are unwell if all of them are, and their requests are added up") {
  World world(2);
  const auto fetch = [&world](size_t index) {
    static_cast<void>(run(world.loop, world.upstreams()[index].fetch({"GET", "/v2/"}, 100)));
  };
  world.registries[0]->shut();
  fetch(0);
  fetch(1);
  CHECK(world.upstreams()[0].stats().unwell);
  CHECK_FALSE(world.upstreams().stats().unwell);
  CHECK(world.upstreams().stats().requests_total ==
        world.upstreams()[0].stats().requests_total + world.upstreams()[1].stats().requests_total);
  world.registries[1]->shut();
  fetch(1);
  CHECK(world.upstreams().stats().unwell);
}

TEST_CASE("what came through an appliance is not asked of it") {
  PeerWorld world(2, kLesser);
  world.say(0, 7);
  world.say(1, 8);
  world.meet();
  CHECK(*world.ask() == 7);
  world.hops = through(kLesser);
  CHECK(*world.ask() == 8);
  CHECK(world.asked == Indices{1});
  CHECK(world.upstreams().in_order(world.hops) == std::vector<RegistryClient*>{&world.upstreams()[1]});
  world.fail(1, Error::Kind::not_found);
  CHECK(world.ask().error().kind == Error::Kind::not_found);
  CHECK_FALSE(world.is_circle(kLesser, false));
}

TEST_CASE("what came back to where it began, or has come too far, is a circle") {
  PeerWorld world(2, "");
  CHECK(world.is_circle(kOurs, false));
  CHECK_FALSE(world.is_circle(kLesser, false));
  std::string far = kLesser;
  for (size_t i = 0; i < Hops::kMax; ++i) far += ", 1.1 " + kGreater;
  CHECK(world.is_circle(far, false));
  CHECK_FALSE(run(world.loop, world.upstreams().circle(Hops(), true)));
}

TEST_CASE("an appliance whose only upstream is who asks has nobody to ask") {
  PeerWorld world(1, kLesser);
  world.meet();
  CHECK(world.is_circle(kLesser, false));
  CHECK_FALSE(world.is_circle(kGreater, false));
}

TEST_CASE("of two that ask each other at the same time, the one with the greater name waits for the other") {
  for (const bool have_met : {false, true}) {
    PeerWorld greater(2, kGreater);
    if (have_met) greater.meet();
    CHECK(greater.is_circle(kGreater, true));  // we have the lesser name: it has to go on without us
    CHECK_FALSE(greater.is_circle(kGreater, false));
    PeerWorld lesser(2, kLesser);
    if (have_met) lesser.meet();
    CHECK_FALSE(lesser.is_circle(kLesser, true));
  }
}

TEST_CASE("an appliance that is no upstream of ours waits for what we are asking") {
  for (const char* first : {"", kLesser.c_str()}) {
    PeerWorld world(2, first);
    CHECK_FALSE(world.is_circle(kGreater, true));
    // Both were asked who they are, and are asked again only if they did not say.
    CHECK_FALSE(world.is_circle(kGreater, true));
    CHECK(world.registries.front()->count() == 1);
  }
}

}  // namespace breakwater::test
