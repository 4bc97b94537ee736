// `status`, in full and in short.
#include "routes/ops/status.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

store::Digest digest_of(const std::string& text) { return store::digest_of(store::Algorithm::sha256, text); }

ServerState state_of_two() {
  ServerState state;
  state.now = store::Time(hours(500'000));
  state.started_at = state.now - hours(3);
  ServerState::Route hub;
  hub.name = "dockerhub";
  hub.registry = "docker.io";
  state.routes.push_back(hub);
  ServerState::Route registry;
  registry.name = "private";
  registry.kind = RouteDirectory::Kind::registry;
  state.routes.push_back(registry);
  return state;
}

}  // namespace

TEST_CASE("what is not known of an upstream is not there, and what is known is") {
  auto state = state_of_two();
  ServerState::Upstream upstream;
  upstream.url = "https://registry-1.docker.io";
  state.routes[0].upstreams.push_back(upstream);
  auto told = status_json(state)["routes"][0]["upstreams"][0];
  for (const char* field : {"latency_s", "rate_limit", "last_answered_at", "throttled_until"})
    CHECK_FALSE(told.contains(field));
  CHECK(told["refused_credentials_total"] == 0);

  auto& stats = state.routes[0].upstreams[0].stats;
  stats.ratelimit_remaining = 76;
  stats.ratelimit_limit = 100;
  stats.ratelimit_window_s = 21600;
  stats.last_answered_at = state.now - seconds(5);
  stats.refusals.credentials = 2;
  for (const double took : {0.5, 0.25, 4.0}) stats.latency.add(took);
  told = status_json(state)["routes"][0]["upstreams"][0];
  CHECK(told["rate_limit"] == Json{{"left", 76}, {"limit", 100}, {"window_s", 21600}});
  CHECK(told["latency_s"] == Json{{"median", 0.5}, {"worst", 4.0}, {"answers", 3}});
  CHECK(told["last_answered_at"].get<std::string>().ends_with("Z"));
  CHECK(told["refused_credentials_total"] == 2);
}

TEST_CASE("a route says what goes from it, and how old that is") {
  auto state = state_of_two();
  state.routes[0].stale_total = 7;
  state.routes[0].evicted = store::Blobs::Evicted{3, 4096, hours(48), state.now - seconds(60)};
  state.routes[0].oldest_used_at = state.now - hours(24);
  const auto routes = status_json(state)["routes"];
  CHECK(routes[0]["stale_total"] == 7);
  CHECK(routes[0]["evicted"]["last_age_s"] == 48 * 3600);
  CHECK(routes[0]["evicted"]["bytes_total"] == 4096);
  CHECK(routes[0]["oldest_s"] == 24 * 3600);
  CHECK_FALSE(routes[1].contains("evicted"));
  CHECK_FALSE(routes[1].contains("oldest_s"));
}

TEST_CASE("transfers say who, since when and how much") {
  auto state = state_of_two();
  proxy::RunningFill fill{digest_of("layer"), {"dockerhub", "library/alpine"}};
  fill.followers = 30;
  fill.clients = {"10.0.0.7", "::"};
  fill.clients_count = 25;
  fill.age = seconds(90);
  fill.resumed_from = 512;
  state.fills.push_back(fill);
  state.fills_count = 1;
  state.uploads.push_back({{{"private", "team/app"}, "01ab", 99, {}, "10.0.0.8"}, state.now - seconds(30)});
  state.uploads.push_back({{{"private", "team/app"}, "02cd", 0, {}, ""}, {}});
  state.uploads_count = 2;
  const auto told = status_json(state);
  const auto& download = told["downloads"][0];
  CHECK(download["readers"] == 30);
  CHECK(download["clients_count"] == 25);
  CHECK(download["clients"] == Json::array({"10.0.0.7", "fetch"}));
  CHECK(download["from"] == 512);
  CHECK(download.contains("started_at"));
  CHECK(told["uploads_count"] == 2);
  CHECK(told["uploads"][0]["client"] == "10.0.0.8");
  CHECK(told["uploads"][0]["bytes"] == 99);
  CHECK_FALSE(told["uploads"][1].contains("client"));
  CHECK_FALSE(told["uploads"][1].contains("started_at"));
}

TEST_CASE("integrity says how far the pass is, what is broken, and how that heals") {
  auto state = state_of_two();
  state.whole.stored = 1000;
  CHECK_FALSE(status_json(state)["integrity"].contains("pass"));
  state.pass_share = 0.25;
  using Kind = store::BrokenThing::Kind;
  for (const Kind kind : {Kind::missing, Kind::unreadable}) {
    store::BrokenThing thing{kind, digest_of("layer")};
    thing.routes = {"private"};
    thing.tags = {"private/team/app:1"};
    thing.more_tags = true;
    thing.since = state.now - hours(1);
    state.broken.push_back(thing);
  }
  const auto integrity = status_json(state)["integrity"];
  CHECK(integrity["pass"] == Json{{"bytes", 250}, {"bytes_total", 1000}});
  REQUIRE(integrity["broken_things"].size() == 2);
  const auto& thing = integrity["broken_things"][0];
  CHECK(thing["kind"] == "missing");
  CHECK(thing["tags"] == Json::array({"private/team/app:1"}));
  CHECK(thing["more_tags"] == true);
  CHECK(thing["routes"] == Json::array({"private"}));
  CHECK(thing["do"].get<std::string>().find("push") != std::string::npos);
  CHECK(integrity["broken_things"][1]["do"] != thing["do"]);
}

}  // namespace breakwater::routes
