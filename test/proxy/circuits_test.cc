#include "proxy/upstream/circuits.h"

#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/fakes/fake_clock.h"

namespace breakwater::proxy {
namespace {

using Kind = Question::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Endpoint kHub{"https", "registry-1.docker.io", 443};
const Endpoint kCdn{"https", "cdn.example.com", 443};

Question question(Kind kind, std::string repository, const Endpoint& host = kHub) {
  Question asked;
  asked.host = host;
  asked.kind = kind;
  asked.repository = std::move(repository);
  return asked;
}

struct World {
  explicit World(size_t circuits_max = 1024) : circuits(CircuitBreakerSettings(), circuits_max) {}
  bool passes(const Question& asked) { return circuits.admit(asked, clock.now()).has_value(); }
  Circuits::Admitted admitted(const Question& asked) {
    auto permit = circuits.admit(asked, clock.now());
    REQUIRE(permit);
    return std::move(*permit);
  }
  void fails(const Question& asked, int times = 1) {
    for (int i = 0; i < times; ++i) admitted(asked).server_error(clock.now());
  }

  test::FakeClock clock;
  Circuits circuits;
};

TEST_CASE("what a request asks is read from its path") {
  struct Case {
    const char* method;
    const char* path;
    Kind kind;
    const char* repository;
  };
  for (const Case& c : {Case{"GET", "/v2/library/alpine/manifests/3.20", Kind::manifests, "library/alpine"},
                        Case{"HEAD", "/v2/a/manifests/3.20", Kind::manifest_heads, "a"},
                        Case{"GET", "/v2/a/b/c/blobs/sha256:1?x=/tags/list", Kind::blobs, "a/b/c"},
                        Case{"HEAD", "/v2/a/blobs/sha256:1", Kind::blobs, "a"},
                        Case{"GET", "/v2/a/tags/list?n=5", Kind::lists, "a"},
                        Case{"GET", "/v2/a/referrers/sha256:1", Kind::lists, "a"},
                        Case{"GET", "/v2/", Kind::other, ""}, Case{"GET", "/v2/manifests/1", Kind::other, ""},
                        Case{"GET", "/x/manifests/1", Kind::other, ""}, Case{"GET", "", Kind::other, ""}}) {
    INFO(c.path);
    const auto asked = question_of(kHub, c.method, c.path);
    CHECK(asked.kind == c.kind);
    CHECK(asked.repository == c.repository);
  }
}

TEST_CASE("a 429 refuses questions of its kind, of every repository, and no others") {
  for (Kind throttled : {Kind::manifests, Kind::manifest_heads, Kind::blobs, Kind::lists, Kind::tokens}) {
    World world;
    CHECK(world.admitted(question(throttled, "a")).throttled(world.clock.now(), 60) == 60);
    for (Kind kind : {Kind::manifests, Kind::manifest_heads, Kind::blobs, Kind::lists, Kind::tokens}) {
      INFO(static_cast<int>(throttled) << " " << static_cast<int>(kind));
      CHECK(world.passes(question(kind, "a")) == (kind != throttled));
      CHECK(world.passes(question(kind, "b")) == (kind != throttled));
    }
    CHECK(world.passes(question(throttled, "a", kCdn)));
    CHECK(world.circuits.throttled_until(kHub) == world.clock.now() + seconds(60));
    CHECK(world.circuits.throttled_until(kCdn) < world.clock.now());
    world.clock.advance(seconds(60));
    CHECK(world.passes(question(throttled, "a")));
  }
}

TEST_CASE("what always fails refuses itself alone") {
  World world;
  for (Kind kind : {Kind::manifests, Kind::manifest_heads, Kind::blobs, Kind::lists}) {
    world.fails(question(kind, "broken"), 5);
    CHECK_FALSE(world.passes(question(kind, "broken")));
    CHECK(world.passes(question(kind, "other")));
  }
}

TEST_CASE("a kind that fails for several repositories is refused for all, and other kinds are not") {
  World world;
  for (const char* repository : {"a", "b", "c", "d", "e", "f"})
    world.fails(question(Kind::lists, repository));
  CHECK_FALSE(world.passes(question(Kind::lists, "new")));
  CHECK(world.passes(question(Kind::manifests, "a")));
}

TEST_CASE("a host of which several kinds fail for several repositories is left alone") {
  World world;
  for (const char* repository : {"a", "b", "c"}) {
    world.fails(question(Kind::lists, repository));
    world.fails(question(Kind::blobs, repository));
  }
  CHECK(world.passes(question(Kind::manifests, "new")));
  world.fails(question(Kind::manifests, "d"));
  CHECK_FALSE(world.passes(question(Kind::manifests, "new")));
  CHECK_FALSE(world.passes(question(Kind::tokens, "")));
  CHECK(world.passes(question(Kind::blobs, "a", kCdn)));
}

TEST_CASE("one answer in between shows that the host is well") {
  World world;
  for (int i = 0; i < 4; ++i) {
    world.fails(question(Kind::lists, std::to_string(i)));
    world.fails(question(Kind::blobs, std::to_string(i)));
    world.admitted(question(Kind::manifests, "well")).answered();
  }
  CHECK(world.passes(question(Kind::manifests, "new")));
}

TEST_CASE(
    "a host that is not reached is refused whatever is asked, at once or at the second time soon after") {
  World world;
  world.admitted(question(Kind::lists, "a")).unreached(world.clock.now());
  CHECK_FALSE(world.passes(question(Kind::blobs, "b")));

  World soon;
  soon.admitted(question(Kind::lists, "a")).unreached_soon(soon.clock.now());
  CHECK(soon.passes(question(Kind::blobs, "b")));
  soon.admitted(question(Kind::blobs, "b")).unreached_soon(soon.clock.now());
  CHECK_FALSE(soon.passes(question(Kind::manifests, "c")));
}

TEST_CASE("what does not answer on a connection that was made refuses itself alone") {
  World world;
  world.admitted(question(Kind::manifests, "slow")).unanswered(world.clock.now());
  CHECK_FALSE(world.passes(question(Kind::manifests, "slow")));
  CHECK(world.passes(question(Kind::blobs, "slow")));
  CHECK(world.passes(question(Kind::manifests, "other")));
  world.admitted(question(Kind::blobs, "x")).unanswered_soon(world.clock.now());
  CHECK(world.passes(question(Kind::blobs, "x")));
  world.admitted(question(Kind::blobs, "x")).unanswered_soon(world.clock.now());
  CHECK_FALSE(world.passes(question(Kind::blobs, "x")));
}

TEST_CASE("a half-open circuit lets one through, and another when that is abandoned or refused elsewhere") {
  World world;
  world.admitted(question(Kind::lists, "a")).unreached(world.clock.now());
  world.fails(question(Kind::blobs, "x", kCdn));
  world.clock.advance(milliseconds(500));
  {
    auto probe = world.admitted(question(Kind::blobs, "b"));
    CHECK_FALSE(world.passes(question(Kind::blobs, "b")));
    auto moved = std::move(probe);
    CHECK_FALSE(world.passes(question(Kind::blobs, "b")));
  }
  CHECK(world.passes(question(Kind::blobs, "b")));  // abandoned at once again
  world.circuits.throttle(question(Kind::lists, ""), world.clock.now(), 60);
  CHECK_FALSE(world.passes(question(Kind::lists, "a")));  // passed the host, and not its kind
  auto probe = world.admitted(question(Kind::blobs, "b"));
  probe.answered();
  CHECK(world.passes(question(Kind::manifests, "c")));
}

TEST_CASE("only what is throttled is refused beforehand") {
  World world;
  const auto tokens = question(Kind::tokens, "");
  CHECK_FALSE(world.circuits.refusal(tokens, world.clock.now()));
  world.circuits.throttle(tokens, world.clock.now(), 20);
  auto refused = world.circuits.refusal(tokens, world.clock.now());
  REQUIRE(refused);
  CHECK(refused->kind == Error::Kind::throttled);
  CHECK(refused->retry_after_s == 20);
  world.clock.advance(seconds(20));
  CHECK_FALSE(world.circuits.refusal(tokens, world.clock.now()));
}

TEST_CASE("the number of circuits is bounded, and those that remember something go last") {
  World world(30);
  world.admitted(question(Kind::lists, "a")).throttled(world.clock.now(), 60);
  for (int i = 0; i < 1000; ++i) world.admitted(question(Kind::blobs, std::to_string(i))).answered();
  CHECK(world.circuits.size() <= 30);
  CHECK_FALSE(world.passes(question(Kind::lists, "b")));
  for (int i = 0; i < 1000; ++i) {
    const Endpoint host{"https", "host-" + std::to_string(i), 443};
    world.fails(question(Kind::blobs, "a", host));
  }
  CHECK(world.circuits.size() <= 30);
}

}  // namespace
}  // namespace breakwater::proxy
