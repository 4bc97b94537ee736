#include "routes/oci/media_type.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;

std::string target_of(const std::string& reference) { return "/v2/library/alpine/manifests/" + reference; }

std::string image() { return image_of(digest_of("config"), 100, {{digest_of("layer"), 1000}}); }

// A client that may ask upstream twice a minute, of a world with the tag 3.20.
struct World : MirrorWorld {
  World() {
    client_limits.questions_per_minute_max = 2;
    hub.manifest("library/alpine", "3.20", std::string(routes::kOciManifest), image());
  }
};

}  // namespace

TEST_CASE(
    "a client that asks for more that is not here than it may is answered 429, and upstream not asked") {
  World world;
  CHECK(world.get(target_of("nope-1")).status == 404);
  CHECK(world.get(target_of("nope-1")).status == 404);  // remembered: that is no question
  CHECK(world.get(target_of("nope-2")).status == 404);
  const auto asked = world.hub.count();
  for (const auto& target :
       {target_of("nope-3"), target_of(digest_of("x").text()),
        "/v2/library/alpine/blobs/" + digest_of("x").text(), std::string("/v2/library/alpine/tags/list"),
        "/v2/library/alpine/referrers/" + digest_of("x").text()}) {
    const auto refused = world.get(target);
    INFO(target);
    CHECK(refused.status == 429);
    CHECK(refused.headers.get("Retry-After") == "30");
    CHECK(refused.body.find("TOOMANYREQUESTS") != std::string::npos);
    CHECK(refused.body.find("127.0.0.1") != std::string::npos);
  }
  CHECK(world.head("/v2/library/alpine/blobs/" + digest_of("x").text()).status == 429);
  CHECK(world.hub.count() == asked);
  CHECK(world.refused.size() == 6);
  CHECK(world.refused.front() == "dockerhub client_upstream");
}

TEST_CASE("a client that has had its questions is served what is here, and what is old with a warning") {
  World world;
  CHECK(world.get(target_of("3.20")).status == 200);
  CHECK(world.get(target_of("nope")).status == 404);
  CHECK(world.get(target_of("3.20")).status == 200);
  world.clock().advance(hours(1));
  const auto stale = world.get(target_of("3.20"));
  CHECK(stale.status == 200);
  CHECK(stale.body == image());
  CHECK(stale.headers.get("Warning").starts_with("299 - "));
  CHECK(world.get(target_of(digest_of(image()).text())).status == 200);
}

TEST_CASE("a client that has had its questions is told so where only a part of a list is known") {
  World world;
  const std::string tags = "/v2/library/alpine/tags/list";
  const std::string referrers = "/v2/library/alpine/referrers/" + digest_of(image()).text();
  CHECK(world.get(target_of("3.20")).status == 200);
  CHECK(world.get(target_of("nope")).status == 404);
  CHECK(world.get(tags).status == 429);
  CHECK(world.get(referrers).status == 429);
}

TEST_CASE("a client that has had its questions is served a list that was whole once, with a warning") {
  World world;
  const std::string tags = "/v2/library/alpine/tags/list";
  world.hub.answer(tags, Canned(200, {{"Content-Type", "application/json"}},
                                R"({"name":"library/alpine","tags":["3.19","3.20"]})"));
  const auto whole = world.get(tags);
  CHECK(whole.status == 200);
  CHECK(world.get(target_of("nope")).status == 404);
  world.clock().advance(hours(1));
  const auto old = world.get(tags);
  CHECK(old.status == 200);
  CHECK(old.body == whole.body);
  CHECK(old.headers.get("Warning").starts_with("299 - "));
}

TEST_CASE("many that ask at once for one thing have asked once") {
  World world;
  const auto answers = world.get_at_once(std::vector<std::string>(20, target_of("3.20")));
  for (const auto& answer : answers) CHECK(answer.status == 200);
  CHECK(world.refused.empty());
}

}  // namespace breakwater::test
