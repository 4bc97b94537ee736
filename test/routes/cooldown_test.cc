#include "routes/oci/cooldown.h"

#include <map>
#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using std::chrono::hours;
using store::Digest;
using store::Time;

constexpr hours kMinAge(72);

Digest digest(const std::string& name) { return store::digest_of(store::Algorithm::sha256, name); }
Time at(int64_t hour) { return Time(std::chrono::milliseconds(1'700'000'000'000)) + hours(hour); }

// "A0 B24": A was first seen at hour 0, B at hour 24, and upstream showed B last.
Sightings sightings(const std::string& text) {
  Sightings made;
  for (size_t from = 0; from < text.size(); from = std::min(text.find(' ', from), text.size() - 1) + 1)
    made.push_back({digest(text.substr(from, 1)), at(std::stoll(text.substr(from + 1)))});
  return made;
}

// The reverse, without the times: "A B".
std::string names(const std::vector<Digest>& digests) {
  std::map<Digest, std::string> known;
  for (char name = 'A'; name <= 'Z'; ++name) known[digest({name})] = name;
  std::string text;
  for (const auto& one : digests) text += (text.empty() ? "" : " ") + known.at(one);
  return text;
}

TEST_CASE("a tag is answered with what upstream showed last of what is old enough, else with the oldest") {
  struct Row {
    std::string seen;
    int64_t hour;
    std::string preferred;
  };
  const auto row = GENERATE(values<Row>({
      {"A0", 0, "A"},
      {"A0", 100, "A"},
      {"A0 B10", 10, "A B"},
      {"A0 B10", 81, "A B"},
      {"A0 B10", 82, "B A"},
      // Upstream moves it every day.
      {"A0 B24 C48 D72 E96", 96, "B A C D E"},
      {"A0 B24 C48 D72 E96", 120, "C B A D E"},
      // Upstream went back from B to A, whether B was old enough or not, and goes on with C.
      {"B10 A0", 20, "A B"},
      {"B10 A0", 90, "A B"},
      {"B10 A0 C30", 40, "A B C"},
      {"B10 A0 C30", 90, "A B C"},
      {"B10 A0 C30", 102, "C A B"},
      // A clock that went back makes nothing old.
      {"A0 B10", -10, "A B"},
  }));
  CAPTURE(row.seen, row.hour);
  CHECK(names(by_preference(sightings(row.seen), at(row.hour), kMinAge)) == row.preferred);
}

TEST_CASE("what upstream shows is the last of the sightings, and keeps the time when it was seen first") {
  auto seen = sightings("A0 B10 C20");
  note_shown(seen, digest("C"), at(30), kMinAge);
  CHECK(seen == sightings("A0 B10 C20"));
  note_shown(seen, digest("A"), at(40), kMinAge);
  CHECK(seen == sightings("B10 C20 A0"));
  note_shown(seen, digest("D"), at(50), kMinAge);
  CHECK(seen == sightings("B10 C20 A0 D50"));
}

TEST_CASE(
    "a tag that moves far more often than sightings are kept moves on, and lags by little more than "
    "min_age") {
  for (const int64_t every : {1, 6, 24, 100}) {
    CAPTURE(every);
    auto seen = sightings("A0");
    std::map<Digest, int64_t> hour_of = {{digest("A"), 0}};
    int64_t latest_lag = 0;
    for (int64_t hour = every; hour <= 1000; hour += every) {
      const auto shown = digest("image of hour " + std::to_string(hour));
      hour_of[shown] = hour;
      note_shown(seen, shown, at(hour), kMinAge);
      REQUIRE(seen.size() <= store::TagHistoryRecord::kSightingsMax);
      REQUIRE(seen.back().digest == shown);
      const int64_t served = hour_of.at(by_preference(seen, at(hour), kMinAge).front());
      if (hour < 2 * kMinAge.count() + 2 * every) continue;
      REQUIRE(hour - served >= kMinAge.count());
      latest_lag = std::max(latest_lag, hour - served);
    }
    CHECK(latest_lag <= kMinAge.count() + std::max<int64_t>(every, kMinAge.count() / 4));
  }
}

TEST_CASE("of too many sightings those go first that upstream showed before the one that is served") {
  Sightings seen = sightings("A0 B1 C2");
  for (int64_t i = 0; i < 14; ++i)
    note_shown(seen, digest("young " + std::to_string(i)), at(200 + i), kMinAge);
  REQUIRE(seen.size() == store::TagHistoryRecord::kSightingsMax);
  CHECK(seen.front().digest == digest("B"));
  for (int64_t i = 14; i < 40; ++i)
    note_shown(seen, digest("young " + std::to_string(i)), at(200 + i), kMinAge);
  CHECK(seen[0].digest == digest("C"));
  CHECK(seen[1].digest == digest("young 0"));
  CHECK(seen.back().digest == digest("young 39"));
}

TEST_CASE("what a tag names counts from when it was set, where no history of it was kept") {
  const store::TagRecord tag{digest("B"), "type", at(0), at(0), at(20)};
  const auto of = [&](const std::string& history) {
    return sightings_of(store::TagHistoryRecord{sightings(history)}, tag);
  };
  CHECK(sightings_of(std::nullopt, std::nullopt).empty());
  CHECK(sightings_of(std::nullopt, tag) == sightings("B20"));
  CHECK(of("A10") == sightings("A10 B20"));
  CHECK(of("A10 C30") == sightings("A10 B20 C30"));
  CHECK(of("B5 C30") == sightings("B5 C30"));
  CHECK(sightings_of(store::TagHistoryRecord{sightings("A10")}, std::nullopt) == sightings("A10"));
  const store::TagRecord older{digest("B"), "type", at(7), at(0)};
  CHECK(sightings_of(std::nullopt, older) == sightings("B7"));
}

TEST_CASE("an answer says what is held back since when and until when, or why something young is served") {
  const auto seen = sightings("A0 B10");
  const auto said = [&](const std::string& served, int64_t hour) {
    return why_held_back(seen, digest(served), at(hour), kMinAge, hours(1));
  };
  CHECK(said("A", 20) ==
        "upstream shows another digest since 2023-11-15T07:13:20Z, which is served from "
        "2023-11-18T07:13:20Z on: " +
            digest("B").text());
  CHECK(said("B", 82).empty());
  CHECK(said("B", 20) ==
        "upstream shows this only since 2023-11-15T07:13:20Z; it is served because upstream has "
        "nothing older any more");
  CHECK(why_held_back(sightings("A0"), digest("A"), at(0), kMinAge, hours(0)).empty());
  CHECK(why_held_back({}, digest("A"), at(0), kMinAge, hours(0)).empty());
}

}  // namespace
}  // namespace breakwater::routes
