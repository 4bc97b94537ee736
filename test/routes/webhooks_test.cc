// What receivers of events get, and when it is tried again.
#include "routes/ops/webhooks.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/server/http_server.h"
#include "routes/ops/audit.h"
#include "routes/ops/events.h"
#include "routes/ops/noted_changes.h"
#include "routes/ops/notification.h"
#include "store/base/hmac.h"
#include "store/catalog/catalog.h"
#include "test/catch.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/registry_world.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;
using Kind = store::Event::Kind;

// An endpoint: answers with the statuses that it is told, then 200, and remembers what came.
class Receiver {
 public:
  struct Came {
    proxy::Headers headers;
    std::string body;
    json event() const { return json::parse(body)["events"][0]; }
  };
  Receiver(proxy::Loop& loop, store::Disk& disk, store::Log& log)
      : workers_(loop, 1),
        buffers_(loop, 1 << 20),
        server_(loop, workers_, buffers_, disk, log, proxy::ServerSettings(),
                [this](proxy::Exchange& exchange) { return serve(exchange); }),
        url(*proxy::Url::parse("http://" + *server_.listen("127.0.0.1:0") + "/hook?secret=1")) {}

  std::vector<int> statuses;
  proxy::Headers answer_headers;
  std::vector<Came> came;

 private:
  proxy::Task<> serve(proxy::Exchange& exchange) {
    Came one{exchange.request().headers, {}};
    for (;;) {
      auto piece = co_await exchange.read();
      if (!piece || piece->empty()) break;
      one.body += piece->view();
    }
    came.push_back(std::move(one));
    const int status = statuses.empty() ? 200 : statuses.front();
    if (!statuses.empty()) statuses.erase(statuses.begin());
    auto headers = answer_headers;
    exchange.reply(status, std::move(headers), std::string_view("thanks"));
  }
  proxy::Workers workers_;
  proxy::Buffers buffers_;
  proxy::HttpServer server_;

 public:
  const proxy::Url url;
};

store::Event event_called(const std::string& tag, Kind kind = Kind::push) {
  store::Event event;
  event.kind = kind;
  event.id = "id-" + tag;
  event.at = store::Time(std::chrono::hours(24));
  event.action = "push";
  event.route = "private";
  event.repository = "team/app";
  event.tag = tag;
  event.digest = "sha256:ab";
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 7;
  event.request_id = "trace";
  event.address = "10.0.0.7";
  event.host = "registry:5050";
  event.method = "PUT";
  event.user_agent = "docker/26";
  return event;
}

struct HookWorld : test::StoreWorld {
  HookWorld() { REQUIRE(open()); }
  void begin(std::vector<WebhookSettings> webhooks) {
    WebhookTiming timing;
    timing.retry_first_ms = 1;
    timing.refusals_max = 3;
    tasks = std::make_unique<proxy::Tasks>(loop);
    events = std::make_unique<Events>(
        Events::Parts{loop, workers, http_client, store->parts().catalog, logged, clock, log, "machine"},
        webhooks, timing);
    REQUIRE(events->load());
    events->start(*tasks);
  }
  void end() {
    tasks.reset();
    test::run_until(loop, [&] { return workers.queued() == 0 && workers.running() == 0; });
    events.reset();
  }
  void note(const std::string& tag, Kind kind = Kind::push) {
    REQUIRE(events->queue().note({event_called(tag, kind)}, store::Durability::buffered));
  }
  void until_nothing_waits() {
    test::run_until(loop, [&] {
      for (const auto& state : events->webhooks()) {
        if (state.queue.waiting > 0) return false;
      }
      return true;
    });
  }
  proxy::Loop loop;
  proxy::Workers workers{loop, 1};
  proxy::HttpClient http_client{loop, proxy::HttpClientSettings()};
  LoggedEvents logged{log, clock};
  Receiver receiver{loop, disk, log};
  std::unique_ptr<Events> events;
  std::unique_ptr<proxy::Tasks> tasks;
  ~HookWorld() { end(); }
};

// Hands on to what is there once the world is.
struct LateChanges final : RegistryChanges {
  Result<> note(const ChangingRequest& request, const std::vector<RegistryChange>& changes) override {
    return to->note(request, changes);
  }
  RegistryChanges* to = nullptr;
};

std::string tags_of(const Receiver& receiver) {
  std::string tags;
  for (const auto& one : receiver.came) tags += one.event()["target"].value("tag", "") + " ";
  return tags;
}

}  // namespace

TEST_CASE("HMAC-SHA256 is that of RFC 4231") {
  CHECK(store::hmac_sha256("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("a notification is distribution's envelope, signed over its body and over when it was sent") {
  HookWorld world;
  world.begin({{world.receiver.url, "secret", {Kind::push}}});
  world.note("1");
  world.until_nothing_waits();
  REQUIRE(world.receiver.came.size() == 1);
  const auto& came = world.receiver.came[0];
  CHECK(came.headers.get("Content-Type") == "application/vnd.docker.distribution.events.v2+json");
  const auto event = came.event();
  CHECK(event["id"] == "id-1");
  CHECK(event["timestamp"] == "1970-01-02T00:00:00Z");
  CHECK(event["action"] == "push");
  CHECK(event["target"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json");
  CHECK(event["target"]["digest"] == "sha256:ab");
  CHECK(event["target"]["size"] == 7);
  CHECK(event["target"]["length"] == 7);
  CHECK(event["target"]["repository"] == "team/app");
  CHECK(event["target"]["tag"] == "1");
  CHECK(event["target"]["url"] == "http://registry:5050/v2/team/app/manifests/sha256:ab");
  CHECK(event["request"]["id"] == "trace");
  CHECK(event["request"]["addr"] == "10.0.0.7");
  CHECK(event["request"]["method"] == "PUT");
  CHECK(event["request"]["useragent"] == "docker/26");
  CHECK(event["source"]["addr"] == "machine");
  CHECK(event["breakwater"]["route"] == "private");
  CHECK(came.headers.get("X-Hub-Signature-256") == "sha256=" + store::hmac_sha256("secret", came.body));
  CHECK(came.headers.get("X-Breakwater-Delivery") == "id-1");
  const std::string timestamp(came.headers.get("X-Breakwater-Timestamp"));
  CHECK(timestamp == "1700000000");
  CHECK(came.headers.get("X-Breakwater-Signature-256") ==
        "sha256=" + store::hmac_sha256("secret", timestamp + ".id-1." + came.body));
}

TEST_CASE("a notification names who did it, and by TLS its address is that of TLS") {
  auto event = event_called("1");
  CHECK(json::parse(routes::notification_body(event, "machine"))["events"][0]["actor"].empty());
  event.user = "alice";
  event.is_secure = true;
  const auto told = json::parse(routes::notification_body(event, "machine"))["events"][0];
  CHECK(told["actor"]["name"] == "alice");
  CHECK(told["target"]["url"] == "https://registry:5050/v2/team/app/manifests/sha256:ab");
}

TEST_CASE("what an endpoint does not take is tried again before the next, and is told to the log once") {
  HookWorld world;
  world.receiver.statuses = {500, 503, 408};
  world.begin({{world.receiver.url, "secret", {Kind::push}}});
  world.note("1");
  world.note("2");
  world.until_nothing_waits();
  CHECK(tags_of(world.receiver) == "1 1 1 1 2 ");
  CHECK(world.log.count("warning webhook_fails") == 1);
  CHECK(world.log.count("info webhook_takes_again") == 1);
  CHECK_FALSE(world.log.contains("secret=1"));
  const auto state = world.events->webhooks().at(0);
  CHECK(state.is_well);
  CHECK(state.delivered == 2);
  CHECK(state.failed == 3);
  CHECK(state.given_up == 0);
}

TEST_CASE("what an endpoint refuses again and again is given up, and the next one goes") {
  HookWorld world;
  world.receiver.statuses = {404, 302, 400};
  world.receiver.answer_headers.add("Location", "http://127.0.0.1:1/elsewhere");
  world.begin({{world.receiver.url, "secret", {Kind::push}}});
  world.note("1");
  world.note("2");
  world.until_nothing_waits();
  CHECK(tags_of(world.receiver) == "1 1 1 2 ");
  CHECK(world.log.count("error webhook_given_up") == 1);
  CHECK(world.events->webhooks().at(0).given_up == 1);
}

TEST_CASE("what was not taken before the end is taken after the start, and an endpoint gets only its kinds") {
  HookWorld world;
  Receiver other(world.loop, world.disk, world.log);
  const std::vector<WebhookSettings> webhooks = {{world.receiver.url, "secret", {Kind::push}},
                                                 {other.url, "other", {Kind::removal}}};
  world.begin(webhooks);
  world.end();
  world.begin(webhooks);
  REQUIRE(world.store->sync());
  world.note("1");
  world.end();
  world.begin(webhooks);
  world.note("2", Kind::removal);
  world.note("3");
  world.until_nothing_waits();
  CHECK(tags_of(world.receiver) == "1 3 ");
  CHECK(tags_of(other) == "2 ");
}

TEST_CASE("what the log says of upkeep, of integrity and of upstreams is an event, and all lines go on") {
  HookWorld world;
  world.begin({{world.receiver.url,
                "secret",
                {Kind::removal, Kind::cache_eviction, Kind::integrity, Kind::upstream}}});
  store::Log& log = world.logged;
  world.log.clear();
  log.info("tag_expired", {{"route", "private"},
                           {"repository", "a"},
                           {"tag", "old"},
                           {"digest", "sha256:1"},
                           {"reason", "keep_last"}});
  log.info("cache_tag_evicted", {{"route", "private"}, {"repository", "a"}, {"tag", "cache"}});
  log.error("broken", {{"digest", "sha256:2"}, {"what", "it is gone"}, {"breaks", "private/a:1"}});
  log.warning("upstream_unreachable", {{"route", "hub"}, {"upstream", "https://up"}, {"error", "refused"}});
  log.info("listening", {{"route", "hub"}});
  test::run_until(world.loop, [&] { return world.receiver.came.size() == 4; });
  CHECK(world.log.lines().size() == 5);
  std::vector<json> events;
  for (const auto& one : world.receiver.came) events.push_back(one.event());
  CHECK(events[0]["action"] == "delete");
  CHECK(events[0]["target"]["digest"] == "sha256:1");
  CHECK(events[0]["breakwater"]["reason"] == "keep_last");
  CHECK(events[1]["action"] == "evict_cache_tag");
  CHECK(events[1]["target"]["tag"] == "cache");
  CHECK(events[2]["breakwater"]["reason"] == "it is gone; breaks private/a:1");
  CHECK(events[3]["action"] == "upstream_unreachable");
  CHECK(events[3]["breakwater"]["reason"] == "https://up: refused");
}

TEST_CASE("an upstream that comes and goes is told once a minute, and in the end as what it has become") {
  test::FakeClock clock;
  test::FakeLog log;
  LoggedEvents logged(log, clock);
  store::Log& lines = logged;
  const auto say = [&](const char* what, const char* upstream = "https://up") {
    lines.info(what, {{"route", "hub"}, {"upstream", upstream}});
  };
  const auto told = [&] {
    std::string actions;
    for (const auto& event : logged.take()) {
      CHECK(event.kind == Kind::upstream);
      actions += event.action.substr(9) + " ";
    }
    return actions;
  };
  say("upstream_answers_again");  // nobody was told of trouble
  CHECK(told() == "");
  for (int i = 0; i < 100; ++i) say("upstream_throttles");
  CHECK(told() == "throttles ");
  say("upstream_fails", "https://other");
  say("upstream_refuses_credentials");
  CHECK(told() == "fails refuses_credentials ");
  for (int i = 0; i < 100; ++i) {
    say("upstream_answers_again");
    say("upstream_unreachable");
  }
  say("upstream_answers_again");
  CHECK(told() == "");
  REQUIRE(logged.due_in());
  CHECK(*logged.due_in() == LoggedEvents::kUpstreamQuiet);
  clock.advance(LoggedEvents::kUpstreamQuiet);
  CHECK(*logged.due_in() == store::Time::duration::zero());
  CHECK(told() == "answers_again ");
  CHECK_FALSE(logged.due_in());
  // What has come back to what was told is no news.
  say("upstream_unreachable");
  say("upstream_answers_again");
  clock.advance(LoggedEvents::kUpstreamQuiet);
  CHECK(told() == "");
  say("upstream_unreachable");
  CHECK(told() == "unreachable ");
  CHECK(log.count("upstream_throttles") == 100);
  CHECK(logged.lost() == 0);
}

TEST_CASE("a push is in the queue of events before its client has the answer, and so is a deletion") {
  test::RegistryWorld world;
  LateChanges late;
  world.changes = &late;
  world.start();
  test::FakeLog log;
  Audit audit(world.clock(), log, nullptr);
  store::EventQueue queue(world.store().parts().catalog, {{"reader", {Kind::push, Kind::removal}}});
  REQUIRE(queue.load());
  NotedChanges noted(audit, queue, world.clock());
  late.to = &noted;
  const auto image = world.push_image("team/app", "1", 1);
  auto next = queue.next("reader");
  REQUIRE(next);
  REQUIRE(*next);
  CHECK((*next)->event.action == "push");
  CHECK((*next)->event.tag == "1");
  CHECK((*next)->event.digest == image.digest.text());
  CHECK((*next)->event.size == image.size);
  CHECK((*next)->event.host == "registry");
  REQUIRE(queue.pass("reader", (*next)->number));
  CHECK(world.remove(test::manifest_path("team/app", "1")).status == 202);
  next = queue.next("reader");
  REQUIRE(*next);
  CHECK((*next)->event.action == "delete");
  CHECK((*next)->event.digest == image.digest.text());
  world.stop();
}

TEST_CASE("the time between tries doubles up to its bound, is spread, and is what Retry-After says if more") {
  const WebhookTiming timing;
  CHECK(webhook_delay_ms(timing, 1, 0, std::nullopt) == 1'000);
  CHECK(webhook_delay_ms(timing, 4, 0, std::nullopt) == 8'000);
  CHECK(webhook_delay_ms(timing, 4, 0.5, std::nullopt) == 6'000);
  CHECK(webhook_delay_ms(timing, 1'000, 0, std::nullopt) == 300'000);
  CHECK(webhook_delay_ms(timing, 1, 0, 60) == 60'000);
  CHECK(webhook_delay_ms(timing, 1'000, 0, 1) == 300'000);
}

}  // namespace breakwater::routes
