#include "routes/oci/freshness.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;

store::Time at(int64_t ms) { return store::Time(std::chrono::milliseconds(1'800'000'000'000 + ms)); }

TEST_CASE("a tag is served without a question for as long as it is fresh") {
  struct Row {
    int64_t fresh_ms, age_ms;
    BeforeAsking expected;
  };
  const auto row = GENERATE(values<Row>({
      {kMinute, 0, BeforeAsking::serve},
      {kMinute, kMinute - 1, BeforeAsking::serve},
      {kMinute, kMinute, BeforeAsking::ask},
      {kMinute, kDay, BeforeAsking::ask},
      {0, 0, BeforeAsking::ask},
      {0, kMinute, BeforeAsking::ask},
      {kMinute, -1000, BeforeAsking::serve},  // the clock was set back a little
      {kMinute, -kHour, BeforeAsking::ask},   // or a lot
  }));
  CAPTURE(row.fresh_ms, row.age_ms);
  FreshnessSettings settings;
  settings.fresh_ms = row.fresh_ms;
  CHECK(before_asking(settings, at(row.age_ms), at(0)) == row.expected);
}

TEST_CASE("what upstream says decides what becomes of a tag that we hold") {
  struct Row {
    UpstreamSaid said;
    int64_t age_ms;
    AfterAsking expected;
  };
  const auto row = GENERATE(values<Row>({
      {UpstreamSaid::same, kHour, AfterAsking::serve},
      {UpstreamSaid::same, 90 * kDay, AfterAsking::serve},
      {UpstreamSaid::changed, kHour, AfterAsking::fetch},
      {UpstreamSaid::missing, kHour, AfterAsking::serve_stale},
      {UpstreamSaid::missing, kDay, AfterAsking::fail},
      {UpstreamSaid::refused, 29 * kDay, AfterAsking::serve_stale},
      {UpstreamSaid::refused, 30 * kDay, AfterAsking::fail},
      {UpstreamSaid::unwell, 29 * kDay, AfterAsking::serve_stale},
      {UpstreamSaid::unwell, 30 * kDay, AfterAsking::fail},
  }));
  CAPTURE(static_cast<int>(row.said), row.age_ms);
  CHECK(after_asking({}, at(row.age_ms), at(0), row.said) == row.expected);
}

TEST_CASE("a tag that upstream no longer has is served no longer than any stale tag") {
  FreshnessSettings settings;
  settings.stale_ms = kHour;
  CHECK(after_asking(settings, at(2 * kHour), at(0), UpstreamSaid::missing) == AfterAsking::fail);
  settings.missing_stale_ms = 0;
  CHECK(after_asking(settings, at(0), at(0), UpstreamSaid::missing) == AfterAsking::fail);
}

TEST_CASE("only 404 means missing and only 401 and 403 mean refused") {
  using Kind = Error::Kind;
  CHECK(said_by({Kind::not_found, "", 0}) == UpstreamSaid::missing);
  CHECK(said_by({Kind::denied, "", 0}) == UpstreamSaid::refused);
  for (const auto kind : {Kind::throttled, Kind::unavailable, Kind::corrupt, Kind::full, Kind::internal})
    CHECK(said_by({kind, "", 0}) == UpstreamSaid::unwell);
}

TEST_CASE("a 404 is believed for a shorter time where signatures may appear any moment") {
  const std::string digest = "sha256-" + std::string(64, 'a');
  for (const auto* suffix : {"", ".sig", ".att", ".sbom", ".vuln"})
    CHECK(missing_fresh_ms({}, digest + suffix) == 10'000);
  for (const std::string& tag :
       {std::string("latest"), std::string("v1.sig"), digest + "-tar", digest.substr(0, 50) + ".sig"}) {
    CAPTURE(tag);
    CHECK(missing_fresh_ms({}, tag) == 30'000);
  }
}

TEST_CASE("a stale answer says how old it is and why, and no reason can break the header") {
  CHECK(age_header(at(61'999), at(0)) == "61");
  CHECK(age_header(at(0), at(5000)) == "0");
  CHECK(stale_warning("upstream is down") == "299 - \"upstream is down\"");
  CHECK(stale_warning("a \"quote\"\r\nSet-Cookie: x\\") == "299 - \"a 'quote'  Set-Cookie: x'\"");
}

}  // namespace
}  // namespace breakwater::routes
