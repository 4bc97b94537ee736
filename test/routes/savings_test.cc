// What the mirrors have saved, held against what their upstreams have counted.
#include "routes/ops/savings.h"

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "routes/oci/media_type.h"
#include "store/history/traffic_history.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;
using std::chrono::hours;
using std::chrono::minutes;
using test::Answer;
using test::content_of;
using test::FakeRegistry;
using test::Fault;

// Clients whose requests are counted, and a registry that wants tokens and has its blobs at a CDN.
struct World : test::MirrorWorld {
  FakeRegistry auth{loop};
  FakeRegistry cdn{loop};
  int64_t requests = 0;
  int64_t bytes = 0;

  void note(const Answer& answer) {
    CHECK(answer.status != 0);
    ++requests;
    bytes += static_cast<int64_t>(answer.body.size());
  }
  void ask(const std::string& target, const proxy::Headers& headers = {}) { note(get(target, headers)); }
  void ask_head(const std::string& target) { note(head(target)); }
  void ask_at_once(const std::string& target, size_t times) {
    for (const auto& answer : get_at_once(std::vector<std::string>(times, target))) note(answer);
  }

  int64_t upstream_requests() const {
    return static_cast<int64_t>(hub.count() + auth.count() + cdn.count() + ghcr.count());
  }
  int64_t upstream_bytes() const {
    return static_cast<int64_t>(hub.body_bytes_sent() + auth.body_bytes_sent() + cdn.body_bytes_sent() +
                                ghcr.body_bytes_sent());
  }
  ordered_json saved(store::Time::duration since = hours(1), const std::string& route = "") {
    REQUIRE(write_history());
    const auto answer = savings(store(), {since, route});
    REQUIRE(answer);
    return *answer;
  }
};

bool within_a_percent(int64_t value, int64_t of) { return std::abs(value - of) * 100 <= std::abs(of); }

std::string blob_at(const std::string& name, const store::Digest& digest) {
  return "/v2/" + name + "/blobs/" + digest.text();
}

}  // namespace

TEST_CASE("what is said to be saved is what upstream has counted, within a percent") {
  World world;
  world.hub.ask_for_token(world.auth, "registry");
  world.hub.redirect_blobs_to(world.cdn);
  const size_t size = 3 << 20;
  std::vector<std::pair<store::Digest, size_t>> layers;
  for (uint32_t seed = 1; seed <= 4; ++seed)
    layers.emplace_back(world.hub.blob("library/alpine", content_of(size, seed)), size);
  const auto config = world.hub.blob("library/alpine", content_of(700, 9));
  world.hub.manifest("library/alpine", "3.20", std::string(kOciManifest),
                     test::image_of(config, 700, layers));
  const std::string image = "/v2/library/alpine/manifests/3.20";
  // Many clients at once: one begins the fill, the others follow it.
  world.ask_at_once(image, 10);
  world.ask_at_once(blob_at("library/alpine", layers[0].first), 10);
  // A transfer breaks off twice, and goes on where it was.
  const auto broken = FakeRegistry::signed_path(layers[1].first);
  world.cdn.next(broken, Fault::cut(1 << 20));
  world.cdn.next(broken, Fault::cut(1 << 20));
  world.ask_at_once(blob_at("library/alpine", layers[1].first), 5);
  // Upstream hangs up, and is not well, and is asked again.
  world.cdn.next(FakeRegistry::signed_path(layers[2].first), Fault::hang_up());
  world.cdn.next(FakeRegistry::signed_path(layers[2].first), Fault::reply(503, {}, "not now"));
  world.ask(blob_at("library/alpine", layers[2].first));
  // Ranges, of what is here and of what comes whole because of it.
  world.ask(blob_at("library/alpine", layers[0].first), {{"Range", "bytes=100-200099"}});
  world.ask(blob_at("library/alpine", layers[3].first), {{"Range", "bytes=0-99"}});
  world.finish_fills();
  // HEADs, by tag, by digest and of blobs; also under the short name.
  world.ask_head(image);
  world.ask_head("/v2/alpine/manifests/3.20");
  world.ask_head(blob_at("library/alpine", layers[0].first));
  world.ask_head(blob_at("library/alpine", config));
  // What there is not.
  world.ask("/v2/library/alpine/manifests/none");
  world.ask("/v2/library/alpine/manifests/none");
  // Tags are asked again when they are not fresh any more.
  for (int i = 0; i < 5; ++i) {
    world.clock().advance(minutes(2));
    world.ask_at_once(image, 4);
  }
  world.ask("/v2/library/alpine/manifests/3.20", {{"If-None-Match", "*"}});
  for (int i = 0; i < 3; ++i)
    for (const auto& [layer, length] : layers) world.ask(blob_at("library/alpine", layer));

  const auto saved = world.saved();
  const auto& total = saved["total"];
  CHECK(total["requests"] == world.requests);
  CHECK(total["bytes_sent"] == world.bytes);
  CHECK(total["upstream_requests"] == world.upstream_requests());
  CHECK(within_a_percent(total["upstream_bytes"], world.upstream_bytes()));
  CHECK(total["saved_requests"] == world.requests - world.upstream_requests());
  CHECK(within_a_percent(total["saved_bytes"], world.bytes - world.upstream_bytes()));
  CHECK(total["saved_requests"] > 30);
  CHECK(total["saved_bytes"] > 20 << 20);
  CHECK(total["revalidated"] > 0);
  CHECK(total["follows"] > 0);
  CHECK(total["hit_ratio"] > 0.7);
  REQUIRE(saved["routes"].size() == 1);
  CHECK(saved["routes"][0]["route"] == "dockerhub");
  CHECK(saved["routes"][0]["kind"] == "mirror");
  CHECK(saved["routes"][0]["saved_bytes"] == total["saved_bytes"]);
  // All of it was asked for one repository, and the same is told of that.
  for (const char* list : {"by_bytes", "by_requests"}) {
    REQUIRE(saved["repositories"][list].size() == 1);
    const auto& repository = saved["repositories"][list][0];
    CHECK(repository["route"] == "dockerhub");
    CHECK(repository["repository"] == "library/alpine");
    CHECK(repository["saved_requests"] == total["saved_requests"]);
    CHECK(repository["saved_bytes"] == total["saved_bytes"]);
  }
  REQUIRE(saved["clients"]["by_requests"].size() == 1);
  CHECK(saved["clients"]["by_requests"][0]["client"] == "127.0.0.1");
  CHECK(saved["clients"]["by_requests"][0]["requests"] == world.requests);
  CHECK(saved["clients"]["others_at_most"]["bytes"] == 0);
}

TEST_CASE("what is saved is told by route and by repository, and of one route alone") {
  World world;
  const auto alpine = world.hub.blob("library/alpine", content_of(100'000, 1));
  const auto busybox = world.hub.blob("library/busybox", content_of(300'000, 2));
  const auto tool = world.ghcr.blob("me/tool", content_of(50'000, 3));
  for (int i = 0; i < 4; ++i) {
    world.ask(blob_at("library/alpine", alpine));
    if (i < 2) world.ask(blob_at("library/busybox", busybox));
    world.note(world.get_from_ghcr(blob_at("me/tool", tool)));
  }
  const auto saved = world.saved();
  REQUIRE(saved["routes"].size() == 2);
  CHECK(saved["routes"][0]["saved_requests"] == 4);
  CHECK(saved["routes"][0]["saved_bytes"] == 3 * 100'000 + 300'000);
  CHECK(saved["routes"][1]["route"] == "ghcr");
  CHECK(saved["routes"][1]["saved_bytes"] == 3 * 50'000);
  const auto& by_bytes = saved["repositories"]["by_bytes"];
  REQUIRE(by_bytes.size() == 3);
  CHECK(by_bytes[0]["repository"] == "library/busybox");
  CHECK(by_bytes[0]["bytes_sent"] == 600'000);
  CHECK(by_bytes[0]["bytes_sent_at_most"] == 600'000);
  CHECK(by_bytes[0]["saved_bytes"] == 300'000);
  CHECK(saved["repositories"]["by_requests"][2]["repository"] == "library/busybox");
  const auto of_ghcr = world.saved(hours(1), "ghcr");
  CHECK(of_ghcr["total"]["saved_bytes"] == 3 * 50'000);
  CHECK(of_ghcr["routes"].size() == 1);
  CHECK(of_ghcr["repositories"]["by_bytes"].size() == 1);
}

TEST_CASE("the series has a point for each step in which something was, and their sum is the whole") {
  World world;
  const auto layer = world.hub.blob("library/alpine", content_of(1000, 1));
  for (int i = 0; i < 30; ++i) {
    world.ask(blob_at("library/alpine", layer));
    REQUIRE(world.write_history());
    world.clock().advance(hours(2));
    REQUIRE(world.write_history());  // what comes now is of another minute
  }
  const auto check = [&](store::Time::duration since, int64_t step_s, size_t points) {
    const auto saved = world.saved(since);
    const auto& series = saved["series"];
    CHECK(series["step_s"] == step_s);
    CHECK(series["points"].size() == points);
    uint64_t requests = 0;
    for (const auto& point : series["points"]) requests += point["requests"].get<uint64_t>();
    CHECK(requests == saved["total"]["requests"]);
    return saved;
  };
  CHECK(check(hours(1), 60, 0)["total"]["hit_ratio"].is_null());
  CHECK(check(hours(5), 60, 2)["total"]["requests"] == 2);
  CHECK(check(hours(24), 300, 11)["total"]["upstream_requests"] == 0);
  const auto week = check(hours(24 * 7), 3600, 30);
  CHECK(week["total"]["requests"] == 30);
  CHECK(week["total"]["upstream_requests"] == 1);
  CHECK(week["series"]["points"][0]["at"].get<std::string>() == "2023-11-14T22:00:00Z");
  CHECK(week["series"]["points"][1]["hit_ratio"] == 1);
  check(hours(24 * 90), 12 * 3600, 6);
}

TEST_CASE("a question that goes back further than the history is refused") {
  World world;
  world.start();
  CHECK(savings(world.store(), {hours(24 * 90), ""}));
  CHECK(savings(world.store(), {hours(24 * 91), ""}).error().kind == Error::Kind::invalid);
  CHECK(savings(world.store(), {hours(0), ""}).error().kind == Error::Kind::invalid);
}

}  // namespace breakwater::routes
