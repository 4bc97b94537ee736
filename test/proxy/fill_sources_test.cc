#include "proxy/fill/fill_sources.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"

namespace breakwater::test {
namespace {

using proxy::FailedAttempt;
using proxy::FillSource;
using proxy::FillSources;
using proxy::Millis;
using proxy::Moment;

constexpr Millis kStallCost(5'000);

// Three registries, asked for one blob.
struct World {
  FillSource source(size_t i) { return source(i, "r" + std::to_string(i)); }
  FillSource source(size_t i, const std::string& route) {
    proxy::RegistryClient* clients[] = {&a, &b, &c};
    return FillSource(*clients[i], proxy::RegistryClientRequest("GET", "/v2/x/blobs/y"),
                      store::RepositoryKey(route, "x"));
  }
  FillSources three() { return FillSources({source(0), source(1), source(2)}, kStallCost); }

  proxy::Loop loop;
  proxy::HttpClient http_client{loop, proxy::HttpClientSettings()};
  FakeClock clock;
  FakeLog log;
  proxy::RegistryClientSettings settings = [] {
    proxy::RegistryClientSettings made;
    made.upstream = {"http", "127.0.0.1", 1};
    return made;
  }();
  proxy::RegistryClient a{loop, http_client, clock, log, settings};
  proxy::RegistryClient b{loop, http_client, clock, log, settings};
  proxy::RegistryClient c{loop, http_client, clock, log, settings};
  proxy::RetrySettings retry;
  Moment now{};
};

FailedAttempt failed(Error::Kind kind, bool stalled = false) {
  FailedAttempt attempt(Error(kind, "it failed", 0));
  attempt.stalled = stalled;
  return attempt;
}

}  // namespace

TEST_CASE("sources are asked in their order, and one that failed is asked again after the others") {
  World world;
  auto sources = world.three();
  for (const size_t expected : {size_t(0), size_t(1), size_t(2)}) {
    REQUIRE(sources.next(world.now));
    CHECK(sources.next(world.now)->index == expected);
    CHECK(sources.next(world.now)->at == world.now);
    sources.failed(expected, failed(Error::Kind::unavailable), world.retry, world.now);
  }
  CHECK(sources.next(world.now)->index == 0);
  CHECK(sources.next(world.now)->at == world.now + Millis(150));
}

TEST_CASE("a source that refused is not asked again, and when all have there is no next one") {
  World world;
  auto sources = world.three();
  for (const size_t index : {size_t(1), size_t(0), size_t(2)}) {
    CHECK(sources.next(world.now));
    sources.failed(index, failed(index == 0 ? Error::Kind::denied : Error::Kind::not_found), world.retry,
                   world.now);
  }
  CHECK_FALSE(sources.next(world.now));
  CHECK(sources.failure().kind == Error::Kind::denied);
  CHECK(sources.failure_of(store::RepositoryKey("r1", "x"))->kind == Error::Kind::not_found);
  CHECK_FALSE(sources.failure_of(store::RepositoryKey("elsewhere", "x")));
}

TEST_CASE("a source that stalled is asked again only when no other is expected sooner") {
  World world;
  auto sources = world.three();
  sources.failed(2, failed(Error::Kind::not_found), world.retry, world.now);
  sources.failed(0, failed(Error::Kind::unavailable, true), world.retry, world.now);
  CHECK_FALSE(sources.another_stands_by(1, world.now + Millis(10'000)));
  sources.failed(1, failed(Error::Kind::unavailable), world.retry, world.now);
  CHECK(sources.next(world.now)->index == 1);
  CHECK_FALSE(sources.another_stands_by(0, world.now));
  CHECK(sources.another_stands_by(0, world.now + Millis(150)));
  auto throttled = failed(Error::Kind::throttled);
  throttled.error.retry_after_s = 9;
  sources.failed(1, throttled, world.retry, world.now);
  CHECK(sources.next(world.now)->index == 0);
}

TEST_CASE("wrong bytes are the fault of those who brought some, and the others are asked anew") {
  World world;
  auto sources = world.three();
  sources.answered(0, 7);
  sources.contributed(0);
  sources.failed(1, failed(Error::Kind::not_found), world.retry, world.now);
  CHECK(sources.is_shown_by(store::RepositoryKey("r0", "x"), 7));
  sources.blame(Error(Error::Kind::corrupt, "wrong", 0));
  CHECK_FALSE(sources.is_shown_by(store::RepositoryKey("r0", "x"), 7));
  CHECK(sources.next(world.now)->index == 2);  // in the order after the one that failed last
  sources.contributed(2);
  sources.blame(Error(Error::Kind::corrupt, "wrong", 0));
  CHECK(sources.next(world.now)->index == 1);
  sources.contributed(1);
  sources.blame(Error(Error::Kind::corrupt, "wrong", 0));
  CHECK_FALSE(sources.next(world.now));
  CHECK(sources.failure().kind == Error::Kind::corrupt);
}

TEST_CASE("of several who brought wrong bytes each is asked alone, and who is well is asked again") {
  World world;
  const Error wrong(Error::Kind::corrupt, "wrong", 0);
  auto sources = world.three();
  sources.failed(2, failed(Error::Kind::not_found), world.retry, world.now);
  sources.contributed(0);
  sources.contributed(1);
  CHECK(sources.blame(wrong));  // the beginner, though it may be the other's fault
  CHECK(sources.next(world.now)->index != 0);
  sources.contributed(1);
  CHECK(sources.blame(wrong));
  sources.contributed(2);
  CHECK(sources.blame(wrong));
  REQUIRE(sources.next(world.now));
  CHECK(sources.next(world.now)->index == 0);
  sources.contributed(0);
  CHECK(sources.blame(wrong));
  CHECK_FALSE(sources.next(world.now));
}

TEST_CASE("who contradicts what another brought is asked first, once, and all may be asked anew") {
  World world;
  auto sources = world.three();
  sources.failed(1, failed(Error::Kind::corrupt), world.retry, world.now);
  CHECK_FALSE(sources.doubt(1));  // there is nothing yet to contradict
  sources = world.three();
  sources.contributed(0);
  sources.failed(2, failed(Error::Kind::not_found), world.retry, world.now);
  CHECK_FALSE(sources.doubt(2));  // that it does not have it contradicts nothing
  sources.failed(1, failed(Error::Kind::unavailable), world.retry, world.now);
  CHECK_FALSE(sources.doubt(1));
  sources.failed(1, failed(Error::Kind::corrupt), world.retry, world.now);
  CHECK(sources.doubt(1));
  REQUIRE(sources.next(world.now));
  CHECK(sources.next(world.now)->index == 1);
  sources.contributed(1);
  CHECK(sources.blame(Error(Error::Kind::corrupt, "wrong", 0)));
  sources.failed(2, failed(Error::Kind::not_found), world.retry, world.now);
  REQUIRE(sources.next(world.now));
  CHECK(sources.next(world.now)->index == 0);
  sources.contributed(2);
  sources.failed(0, failed(Error::Kind::corrupt), world.retry, world.now);
  CHECK(sources.doubt(0));
  sources.contributed(2);
  sources.failed(0, failed(Error::Kind::corrupt), world.retry, world.now);
  CHECK_FALSE(sources.doubt(0));
}

TEST_CASE("where nobody brought anything nobody is asked again for it") {
  World world;
  auto sources = world.three();
  CHECK_FALSE(sources.blame(Error(Error::Kind::corrupt, "wrong", 0)));
}

TEST_CASE("what was decoded and is wrong is asked for once more as it is") {
  World world;
  const Error wrong(Error::Kind::corrupt, "wrong", 0);
  FillSources sources({world.source(0, "hub")}, kStallCost);
  sources.decoded(0);
  sources.contributed(0);
  CHECK(sources.blame(wrong));
  REQUIRE(sources.next(world.now));
  CHECK(sources[0].request.decoding == proxy::Decoding::never);
  sources.contributed(0);
  CHECK(sources.blame(wrong));
  CHECK_FALSE(sources.next(world.now));
}

TEST_CASE("a source shows a blob of the size that it tells, and without one only what it brought alone") {
  World world;
  auto sources = world.three();
  const store::RepositoryKey first("r0", "x");
  sources.answered(0, 7);
  CHECK(sources.is_shown_by(first, 7));
  CHECK_FALSE(sources.is_shown_by(first, 8));
  sources.answered(0, std::nullopt);
  sources.contributed(0);
  CHECK(sources.is_shown_by(first, 8));
  sources.contributed(1);
  CHECK_FALSE(sources.is_shown_by(first, 8));
}

TEST_CASE("an upstream that was silent for another blob is asked last, until it answers") {
  World world;
  auto sources = world.three();
  sources.suspect(world.a);
  CHECK(sources.is_stalled(0));
  CHECK(sources.next(world.now)->index == 1);
  sources.failed(1, failed(Error::Kind::not_found), world.retry, world.now);
  sources.failed(2, failed(Error::Kind::not_found), world.retry, world.now);
  CHECK(sources.next(world.now)->index == 0);
  sources.answered(0, 7);
  CHECK_FALSE(sources.is_stalled(0));
}

TEST_CASE("two upstreams of one repository fail it together, and either shows the blob to it") {
  World world;
  FillSources sources({world.source(0, "hub"), world.source(1, "hub")}, kStallCost);
  const store::RepositoryKey hub("hub", "x");
  CHECK_FALSE(sources.add(world.source(1, "hub")));
  sources.failed(0, failed(Error::Kind::not_found), world.retry, world.now);
  CHECK_FALSE(sources.failure_of(hub));
  sources.answered(1, 7);
  CHECK(sources.is_shown_by(hub, 7));
  CHECK(sources.shown(7) == std::vector<store::RepositoryKey>{hub});
  sources.failed(1, failed(Error::Kind::denied), world.retry, world.now);
  CHECK(sources.failure_of(hub)->kind == Error::Kind::denied);  // it may be there
  CHECK(sources.failure().kind == Error::Kind::denied);
}

TEST_CASE("a source is doubtful while it is silent, and for good once it has failed so") {
  World world;
  auto sources = world.three();
  CHECK_FALSE(sources.is_doubtful(world.a));
  sources.failed(0, failed(Error::Kind::unavailable, true), world.retry, world.now);
  CHECK(sources.is_doubtful(world.a));
  sources.answered(0, 7);
  CHECK_FALSE(sources.is_doubtful(world.a));
  sources.failed(1, failed(Error::Kind::not_found), world.retry, world.now);
  CHECK(sources.is_doubtful(world.b));
}

TEST_CASE("there are no more than so many sources") {
  World world;
  FillSources sources({world.source(0)}, kStallCost);
  for (size_t i = 0; i < 20; ++i) sources.add(world.source(1, "route" + std::to_string(i)));
  CHECK(sources.size() == FillSources::kSourcesMax);
}

}  // namespace breakwater::test
