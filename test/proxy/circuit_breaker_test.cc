#include "proxy/upstream/circuit_breaker.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"

namespace breakwater::proxy {
namespace {

using Permit = CircuitBreaker::Permit;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeClock;

TEST_CASE("after a 429 nobody passes until the time is over, and everybody is told how long that is") {
  FakeClock clock;
  CircuitBreaker breaker;
  CHECK(breaker.throttled(Permit::normal, clock.now(), 60) == 60);
  clock.advance(milliseconds(58'500));
  auto refused = breaker.admit(clock.now(), "https://ghcr.io");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::throttled);
  CHECK(refused.error().retry_after_s == 2);
  clock.advance(milliseconds(1500));
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
}

TEST_CASE("a 429 that names no time, or an absurd one, opens the breaker for a bounded time") {
  FakeClock clock;
  CircuitBreaker breaker;
  CHECK(breaker.throttled(Permit::normal, clock.now(), std::nullopt) == 5);
  CHECK(breaker.throttled(Permit::normal, clock.now(), 100'000) == 900);
  CHECK(breaker.throttled(Permit::normal, clock.now(), 1) == 900);  // the longer one stands
}

TEST_CASE("a host that is not reached is left alone for a growing time, with one probe after each") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.unreached(Permit::normal, clock.now());
  for (int64_t open_ms : {500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000}) {
    clock.advance(milliseconds(open_ms - 1));
    auto early = breaker.admit(clock.now(), "");
    REQUIRE_FALSE(early);
    CHECK(early.error().kind == Error::Kind::unavailable);
    clock.advance(milliseconds(1));
    CHECK(breaker.admit(clock.now(), "") == Permit::probe);
    CHECK_FALSE(breaker.admit(clock.now(), ""));  // one probe is enough
    breaker.unreached(Permit::probe, clock.now());
  }
}

TEST_CASE("who is refused because of a failure is told what it was, until there is an answer") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.note_cause("Could not resolve host: ghcr.io");
  breaker.unreached(Permit::normal, clock.now());
  CHECK(breaker.admit(clock.now(), "https://ghcr.io").error().message ==
        "https://ghcr.io does not answer (Could not resolve host: ghcr.io)");
  clock.advance(seconds(1));
  REQUIRE(breaker.admit(clock.now(), "https://ghcr.io") == Permit::probe);
  CHECK(breaker.admit(clock.now(), "https://ghcr.io").error().message ==
        "https://ghcr.io did not answer (Could not resolve host: ghcr.io), and is being asked again");
  breaker.answered(Permit::probe);
  breaker.unreached(Permit::normal, clock.now());
  CHECK(breaker.admit(clock.now(), "https://ghcr.io").error().message == "https://ghcr.io does not answer");
}

TEST_CASE("one answer to the probe closes the breaker") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.unreached(Permit::normal, clock.now());
  CHECK(breaker.is_tripped());
  clock.advance(seconds(1));
  REQUIRE(breaker.admit(clock.now(), "") == Permit::probe);
  breaker.answered(Permit::probe);
  CHECK_FALSE(breaker.is_tripped());
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
  CHECK(breaker.is_forgettable(clock.now()));
}

TEST_CASE("a probe whose Task is destroyed makes room for another") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.unreached(Permit::normal, clock.now());
  clock.advance(seconds(1));
  REQUIRE(breaker.admit(clock.now(), "") == Permit::probe);
  breaker.abandoned(Permit::probe);
  CHECK(breaker.admit(clock.now(), "") == Permit::probe);
}

TEST_CASE("requests that fail together are one failure") {
  FakeClock clock;
  CircuitBreaker breaker;
  for (int i = 0; i < 50; ++i) breaker.unreached(Permit::normal, clock.now());
  clock.advance(milliseconds(500));
  CHECK(breaker.admit(clock.now(), "") == Permit::probe);
}

TEST_CASE("one request that fails at once does not open the breaker, the second in a row does") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK_FALSE(breaker.is_tripped());
  CHECK_FALSE(breaker.is_forgettable(clock.now()));
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
  breaker.answered(Permit::normal);
  CHECK(breaker.is_forgettable(clock.now()));
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK_FALSE(breaker.admit(clock.now(), ""));
  clock.advance(milliseconds(500));
  CHECK(breaker.admit(clock.now(), "") == Permit::probe);
  breaker.broken_off(Permit::probe, clock.now(), clock.now());
  clock.advance(milliseconds(999));
  CHECK_FALSE(breaker.admit(clock.now(), ""));
}

TEST_CASE("one that broke long ago is not in a row with one of now, and is not remembered") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  clock.advance(milliseconds(30'001));
  CHECK(breaker.is_forgettable(clock.now()));
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
}

TEST_CASE("requests that break together, as when upstream restarts, are one that broke") {
  FakeClock clock;
  CircuitBreaker breaker;
  auto began = clock.now();
  clock.advance(milliseconds(1));
  for (int i = 0; i < 50; ++i) breaker.broken_off(Permit::normal, began, clock.now());
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
  breaker.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK_FALSE(breaker.admit(clock.now(), ""));
}

TEST_CASE("5xx answers count only when there are several in a row") {
  FakeClock clock;
  CircuitBreaker breaker;
  for (int i = 0; i < 4; ++i) breaker.server_error(Permit::normal, clock.now());
  breaker.answered(Permit::normal);
  for (int i = 0; i < 4; ++i) breaker.server_error(Permit::normal, clock.now());
  CHECK(breaker.admit(clock.now(), "") == Permit::normal);
  breaker.server_error(Permit::normal, clock.now());
  CHECK_FALSE(breaker.admit(clock.now(), ""));
  clock.advance(milliseconds(500));
  CHECK(breaker.admit(clock.now(), "") == Permit::probe);
  breaker.server_error(Permit::probe, clock.now());
  clock.advance(milliseconds(999));
  CHECK_FALSE(breaker.admit(clock.now(), ""));
}

TEST_CASE("a wall clock that is put back does not keep the breaker open for longer than it was") {
  FakeClock clock;
  CircuitBreaker breaker;
  breaker.throttled(Permit::normal, clock.now(), 60);
  breaker.unreached(Permit::normal, clock.now());
  clock.advance(-std::chrono::hours(24));
  CHECK(breaker.admit(clock.now(), ""));

  CircuitBreaker breaking;
  breaking.broken_off(Permit::normal, clock.now(), clock.now());
  clock.advance(-std::chrono::hours(24));
  breaking.broken_off(Permit::normal, clock.now(), clock.now());
  breaking.broken_off(Permit::normal, clock.now(), clock.now());
  CHECK(breaking.is_tripped());
}

}  // namespace
}  // namespace breakwater::proxy
