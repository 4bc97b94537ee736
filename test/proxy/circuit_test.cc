#include "proxy/upstream/circuit.h"

#include "test/catch.h"
#include "test/fakes/fake_clock.h"

namespace breakwater::proxy {
namespace {

using Pass = Circuit::Pass;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeClock;

TEST_CASE("after a 429 nobody passes until the time is over, and everybody is told how long that is") {
  FakeClock clock;
  Circuit circuit;
  CHECK(circuit.throttled(Pass::normal, clock.now(), 60) == 60);
  clock.advance(milliseconds(58'500));
  auto refused = circuit.admit(clock.now(), "https://ghcr.io");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::throttled);
  CHECK(refused.error().retry_after_s == 2);
  clock.advance(milliseconds(1500));
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
}

TEST_CASE("a 429 that names no time, or an absurd one, closes for a bounded time") {
  FakeClock clock;
  Circuit circuit;
  CHECK(circuit.throttled(Pass::normal, clock.now(), std::nullopt) == 5);
  CHECK(circuit.throttled(Pass::normal, clock.now(), 100'000) == 900);
  CHECK(circuit.throttled(Pass::normal, clock.now(), 1) == 900);  // the longer one stands
}

TEST_CASE("a host that is not reached is left alone for a growing time, with one probe after each") {
  FakeClock clock;
  Circuit circuit;
  circuit.unreached(Pass::normal, clock.now());
  for (int64_t silence_ms : {500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000}) {
    clock.advance(milliseconds(silence_ms - 1));
    auto early = circuit.admit(clock.now(), "");
    REQUIRE_FALSE(early);
    CHECK(early.error().kind == Error::Kind::unavailable);
    clock.advance(milliseconds(1));
    CHECK(circuit.admit(clock.now(), "") == Pass::probe);
    CHECK_FALSE(circuit.admit(clock.now(), ""));  // one probe is enough
    circuit.unreached(Pass::probe, clock.now());
  }
}

TEST_CASE("one answer to the probe opens the circuit") {
  FakeClock clock;
  Circuit circuit;
  circuit.unreached(Pass::normal, clock.now());
  CHECK(circuit.silent());
  clock.advance(seconds(1));
  REQUIRE(circuit.admit(clock.now(), "") == Pass::probe);
  circuit.answered(Pass::probe);
  CHECK_FALSE(circuit.silent());
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
  CHECK(circuit.forgettable(clock.now()));
}

TEST_CASE("a probe whose Task is destroyed makes room for another") {
  FakeClock clock;
  Circuit circuit;
  circuit.unreached(Pass::normal, clock.now());
  clock.advance(seconds(1));
  REQUIRE(circuit.admit(clock.now(), "") == Pass::probe);
  circuit.abandoned(Pass::probe);
  CHECK(circuit.admit(clock.now(), "") == Pass::probe);
}

TEST_CASE("requests that fail together are one failure") {
  FakeClock clock;
  Circuit circuit;
  for (int i = 0; i < 50; ++i) circuit.unreached(Pass::normal, clock.now());
  clock.advance(milliseconds(500));
  CHECK(circuit.admit(clock.now(), "") == Pass::probe);
}

TEST_CASE("one request that fails at once is no silence, the second in a row is") {
  FakeClock clock;
  Circuit circuit;
  circuit.broken(Pass::normal, clock.now(), clock.now());
  CHECK_FALSE(circuit.silent());
  CHECK_FALSE(circuit.forgettable(clock.now()));
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
  circuit.answered(Pass::normal);
  CHECK(circuit.forgettable(clock.now()));
  circuit.broken(Pass::normal, clock.now(), clock.now());
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
  circuit.broken(Pass::normal, clock.now(), clock.now());
  CHECK_FALSE(circuit.admit(clock.now(), ""));
  clock.advance(milliseconds(500));
  CHECK(circuit.admit(clock.now(), "") == Pass::probe);
  circuit.broken(Pass::probe, clock.now(), clock.now());
  clock.advance(milliseconds(999));
  CHECK_FALSE(circuit.admit(clock.now(), ""));
}

TEST_CASE("one that broke long ago is not in a row with one of now, and is not remembered") {
  FakeClock clock;
  Circuit circuit;
  circuit.broken(Pass::normal, clock.now(), clock.now());
  clock.advance(milliseconds(30'001));
  CHECK(circuit.forgettable(clock.now()));
  circuit.broken(Pass::normal, clock.now(), clock.now());
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
}

TEST_CASE("requests that break together, as when upstream restarts, are one that broke") {
  FakeClock clock;
  Circuit circuit;
  auto began = clock.now();
  clock.advance(milliseconds(1));
  for (int i = 0; i < 50; ++i) circuit.broken(Pass::normal, began, clock.now());
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
  circuit.broken(Pass::normal, clock.now(), clock.now());
  CHECK_FALSE(circuit.admit(clock.now(), ""));
}

TEST_CASE("5xx answers count only when there are several in a row") {
  FakeClock clock;
  Circuit circuit;
  for (int i = 0; i < 4; ++i) circuit.server_error(Pass::normal, clock.now());
  circuit.answered(Pass::normal);
  for (int i = 0; i < 4; ++i) circuit.server_error(Pass::normal, clock.now());
  CHECK(circuit.admit(clock.now(), "") == Pass::normal);
  circuit.server_error(Pass::normal, clock.now());
  CHECK_FALSE(circuit.admit(clock.now(), ""));
  clock.advance(milliseconds(500));
  CHECK(circuit.admit(clock.now(), "") == Pass::probe);
  circuit.server_error(Pass::probe, clock.now());
  clock.advance(milliseconds(999));
  CHECK_FALSE(circuit.admit(clock.now(), ""));
}

TEST_CASE("a wall clock that is put back does not close the circuit for longer than it was") {
  FakeClock clock;
  Circuit circuit;
  circuit.throttled(Pass::normal, clock.now(), 60);
  circuit.unreached(Pass::normal, clock.now());
  clock.advance(-std::chrono::hours(24));
  CHECK(circuit.admit(clock.now(), ""));

  Circuit breaking;
  breaking.broken(Pass::normal, clock.now(), clock.now());
  clock.advance(-std::chrono::hours(24));
  breaking.broken(Pass::normal, clock.now(), clock.now());
  breaking.broken(Pass::normal, clock.now(), clock.now());
  CHECK(breaking.silent());
}

}  // namespace
}  // namespace breakwater::proxy
