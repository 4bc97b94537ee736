#include "store/references/retention.h"

#include <chrono>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;

const Time kNow{std::chrono::hours(1'000'000)};

JudgedTag pushed(const std::string& tag, hours ago) {
  return {{tag, {test::digest_of(tag), "", kNow - ago, {}}}};
}
// A tag that belongs to something, which is there or not.
JudgedTag belonging(const std::string& tag, hours ago, bool is_here) {
  JudgedTag judged = pushed(tag, ago);
  judged.depends = true;
  if (is_here) judged.subject = test::digest_of("subject");
  return judged;
}

constexpr hours kLease(1);

std::vector<std::string> names_of(const std::vector<ExpiredTag>& expired) {
  std::vector<std::string> names;
  for (const ExpiredTag& tag : expired) names.push_back(tag.tag.tag);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("retention keeps the newest tags, the young ones, and the protected ones") {
  const std::vector<JudgedTag> tags = {pushed("a", hours(1)), pushed("b", hours(50)),
                                       pushed("release-1", hours(900)), pushed("c", hours(100))};
  struct Case {
    std::string name;
    std::optional<uint64_t> keep_last;
    std::optional<Time::duration> keep_for;
    Names protect;
    Names expired;
  };
  const std::vector<Case> cases = {
      {"nothing is said", {}, {}, {}, {}},
      {"the last two", 2, {}, {}, {"c", "release-1"}},
      {"the last two, and protected ones, which do not count", 1, {}, {"release-*"}, {"b", "c"}},
      {"the young", {}, hours(60), {}, {"c", "release-1"}},
      {"the last one, or the young", 1, hours(60), {}, {"c", "release-1"}},
      {"none at all", 0, {}, {}, {"a", "b", "c", "release-1"}},
      {"all are protected", 0, {}, {"*"}, {}},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    RetentionPolicy policy;
    policy.keep_last = one.keep_last;
    policy.keep_for = one.keep_for;
    policy.protect = one.protect;
    CHECK(names_of(expired_tags(policy, tags, kLease, kNow)) == one.expired);
  }
}

TEST_CASE("tags as old as the last one that keep_last keeps stay with it") {
  const std::vector<JudgedTag> tags = {pushed("a", hours(50)), pushed("b", hours(50)), pushed("c", hours(50)),
                                       pushed("new", hours(1)), pushed("old", hours(51))};
  RetentionPolicy policy;
  policy.keep_last = 2;
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)) == Names{"old"});
  policy.keep_last = 1;
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)) == Names{"a", "b", "c", "old"});
  policy.keep_last = 9;
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)).empty());
}

TEST_CASE(
    "what belongs to an image never counts, stays with the image, and goes a lease after its push without") {
  const std::vector<JudgedTag> tags = {pushed("new", hours(0)),
                                       belonging("its signature", hours(900), true),
                                       belonging("orphan 1", hours(2), false),
                                       belonging("orphan 2", hours(1), false),
                                       belonging("just pushed", hours(0), false),
                                       pushed("old", hours(4)),
                                       pushed("older", hours(5))};
  RetentionPolicy policy;
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)).empty());
  policy.keep_last = 2;
  const auto expired = expired_tags(policy, tags, kLease, kNow);
  CHECK(names_of(expired) == Names{"orphan 1", "orphan 2", "older"});
  CHECK(expired[0].is_orphan);
  CHECK(expired[0].reason == "what it belongs to is not here, pushed 2 hours ago");
  CHECK(expired[0].since == kNow - hours(1));
  CHECK_FALSE(expired[2].is_orphan);
  policy.protect = {"orphan 1"};
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)) == Names{"orphan 2", "older"});
  policy = {};
  policy.keep_for = hours(24);  // no orphan stays for it
  CHECK(names_of(expired_tags(policy, tags, kLease, kNow)) == Names{"orphan 1", "orphan 2"});
}

TEST_CASE("a tag of signatures is told by its name") {
  const Digest image = test::digest_of("image"),
               longer = digest_of(Algorithm::sha512, std::string_view("image"));
  for (const char* kind : {"", ".sig", ".att", ".sbom", ".vuln", ".0123abcd.sarif"}) {
    INFO(kind);
    const auto named = subject_of_tag("sha256-" + image.hex() + kind);
    REQUIRE(named);
    CHECK(named->algorithm == Algorithm::sha256);
    CHECK(named->hex == image.hex());
    CHECK(named->has_suffix == (*kind != 0));
    // A tag has at most 128 characters: of a longer digest the first 64 digits stand in it.
    const auto of_longer = subject_of_tag("sha512-" + longer.hex().substr(0, 64) + kind);
    REQUIRE(of_longer);
    CHECK(of_longer->algorithm == Algorithm::sha512);
    CHECK(longer.hex().starts_with(of_longer->hex));
  }
  CHECK(tag_stem_of(image) == "sha256-" + image.hex());
  CHECK(tag_stem_of(longer) == "sha512-" + longer.hex().substr(0, 64));
  const std::string others[] = {"",
                                "-",
                                ".sig",
                                "latest",
                                "1.2-alpine",
                                "sha256-abc.sig",
                                "sha256." + image.hex(),
                                "sha256:" + image.hex(),
                                "sha512-" + longer.hex(),
                                "sha384-" + image.hex(),
                                "sha256-" + image.hex() + "0",
                                "sha256-" + image.hex() + ".",
                                "sha256-" + image.hex() + "-sig",
                                "sha256-" + std::string(64, 'A') + ".sig",
                                "x-sha256-" + image.hex()};
  for (const std::string& tag : others) {
    INFO(tag);
    CHECK_FALSE(subject_of_tag(tag));
  }
}

TEST_CASE("an expired tag says why") {
  RetentionPolicy policy;
  policy.keep_last = 1;
  const auto expired =
      expired_tags(policy, {pushed("new", hours(1)), pushed("old", hours(72))}, kLease, kNow);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].reason == "not among the last 1, pushed 3 days ago");
}

TEST_CASE("the first policy that speaks of a repository counts, and without one everything stays") {
  std::vector<RetentionPolicy> policies(2);
  policies[0].repositories = {"ci/*"};
  policies[0].keep_last = 3;
  policies[1].repositories = {"*"};
  policies[1].keep_last = 9;
  CHECK(policy_of(policies, "ci/app/web").keep_last == 3U);
  CHECK(policy_of(policies, "team/app").keep_last == 9U);
  CHECK_FALSE(policy_of({}, "team/app").keep_last);
}

TEST_CASE("a tag is cache if a pattern says so and nothing protects it") {
  RetentionPolicy policy;
  CHECK(is_cache(policy, "buildcache-amd64"));
  CHECK_FALSE(is_cache(policy, "latest"));
  policy.protect = {"buildcache-amd64"};
  CHECK_FALSE(is_cache(policy, "buildcache-amd64"));
}

}  // namespace breakwater::store
