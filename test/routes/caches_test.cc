// The caches of builds, as `cache` tells them.
#include "routes/ops/caches.h"

#include <string>

#include <nlohmann/json.hpp>

#include "store/history/cache_generations.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;
using std::chrono::hours;
using test::content_of;

struct World : test::RegistryWorld {
  // A cache of a layer that stays, and of one that is another each time.
  void push_cache(const std::string& tag, uint32_t seed) {
    test::MadeManifest image;
    image.config = push_blob("team/app", R"({"made":)" + std::to_string(seed) + "}", test::kConfigType);
    image.layers.push_back(push_blob("team/app", content_of(50'000, 1)));
    image.layers.push_back(push_blob("team/app", content_of(7000, seed + 100)));
    push_manifest("team/app", tag, image);
  }
  ordered_json ask(const CachesQuestion& question = {}) {
    const auto answer = caches(store(), question);
    REQUIRE(answer);
    return *answer;
  }
};

}  // namespace

TEST_CASE("a cache tells its size, its age, its imports and what each push has brought") {
  World world;
  world.push_cache("main-cache", 1);
  world.clock().advance(hours(2));
  world.push_cache("main-cache", 2);
  world.push_image("team/app", "v1", 7);
  world.clock().advance(hours(1));
  CHECK(world.get("/v2/team/app/manifests/main-cache").status == 200);
  REQUIRE(world.write_history());
  const auto all = world.ask();
  CHECK(all["next"].is_null());
  REQUIRE(all["caches"].size() == 1);
  CHECK_FALSE(all["caches"][0].contains("generations"));
  CachesQuestion question;
  question.repository = "team/app";
  const auto one = world.ask(question)["caches"][0];
  CHECK(one["route"] == "private");
  CHECK(one["repository"] == "team/app");
  CHECK(one["tag"] == "main-cache");
  CHECK(one["age_s"] == 3600);
  CHECK(one["layers"] == 2);
  CHECK(one["bytes"] > 57'000);
  CHECK(one["bytes"] < 59'000);
  CHECK(one["imports"] == 1);
  CHECK(one["imported_at"] == "2023-11-15T01:13:20Z");
  CHECK(one["pushes"] == 2);
  REQUIRE(one["generations"].size() == 2);
  const auto& newest = one["generations"][0];
  CHECK(newest["new_layers"] == 1);
  CHECK(newest["reused_layers"] == 1);
  CHECK(newest["reused_bytes"] == 50'000);
  CHECK(newest["new_bytes"] == newest["bytes"].get<uint64_t>() - 50'000);
  CHECK(newest["digest"] == one["digest"]);
  CHECK(one["generations"][1]["new_layers"] == 2);
  REQUIRE(one["layers_seen"].size() == 3);
  CHECK(one["layers_seen"][0]["bytes"] == 50'000);
  CHECK(one["layers_seen"][0]["generations"] == 2);
  CHECK(one["layers_seen"][2]["is_in_newest"] == false);
  REQUIRE(one["churn"].size() == 1);
  CHECK(one["churn"][0]["position"] == 1);
  CHECK(one["churn"][0]["changes"] == 1);
  CHECK(one["churn"][0]["bytes"] == 14'000);
}

TEST_CASE("caches come in pages, each once, and a restart between two pages changes nothing") {
  World world;
  for (uint32_t i = 0; i < 7; ++i) world.push_cache("cache-" + std::to_string(i), i);
  world.push_image("other/app", "buildcache", 1);
  CachesQuestion question;
  question.limit = 3;
  std::string seen;
  for (int page = 0; page < 10; ++page) {
    const auto answer = world.ask(question);
    for (const auto& one : answer["caches"]) seen += one["tag"].get<std::string>() + " ";
    if (answer["next"].is_null()) break;
    question.after = answer["next"];
    world.stop();
    world.start();
  }
  CHECK(seen == "buildcache cache-0 cache-1 cache-2 cache-3 cache-4 cache-5 cache-6 ");
  question.after = "nonsense";
  CHECK(caches(world.store(), question).error().kind == Error::Kind::invalid);
}

TEST_CASE("a cache whose pushes were not recorded is told all the same") {
  World world;
  world.push_cache("cache", 1);
  REQUIRE(world.store().generations().forget("private"));
  const auto one = world.ask()["caches"][0];
  CHECK(one["tag"] == "cache");
  CHECK(one["bytes"].is_null());
  CHECK(one["imported_at"].is_null());
  CHECK(one["pushes"] == 0);
}

}  // namespace breakwater::routes
