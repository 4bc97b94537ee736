// Access tokens: what makes one valid, and that the disk keeps what was promised.
#include "store/access/access_tokens.h"

#include <chrono>

#include "store/base/secret.h"
#include "store/catalog/catalog_state.h"
#include "store/upkeep/backup.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Standing = AccessTokens::Standing;
using Flush = AccessTokens::Flush;

struct TokenWorld : test::StoreWorld {
  TokenWorld() { REQUIRE(open()); }
  AccessTokens& tokens() { return store->access_tokens(); }
  static AccessTokens::Wish wish(const std::string& name,
                                 std::optional<Time::duration> lifetime = hours(24)) {
    return {name, {"pull", "push"}, {"cache/*", "team/app"}, "uid 0", lifetime};
  }
  Digest make(const std::string& name, std::optional<Time::duration> lifetime = hours(24)) {
    const Digest secret = test::digest_of("text of " + name + std::to_string(made_++));
    REQUIRE(tokens().create(secret, wish(name, lifetime)));
    return secret;
  }
  Standing standing(const Digest& secret) {
    const auto found = tokens().find(secret);
    REQUIRE(found);
    return tokens().standing_of(*found);
  }
  // The process is killed, and started again.
  void start_again() {
    crash();
    REQUIRE(open());
  }

 private:
  int made_ = 0;
};

}  // namespace

TEST_CASE("a token is known by the digest of its text alone, with all that was said of it") {
  TokenWorld world;
  const Digest secret = world.make("ci");
  const auto found = world.tokens().find(secret);
  REQUIRE(found);
  CHECK(found->name == "ci");
  CHECK(found->may == std::vector<std::string>{"pull", "push"});
  CHECK(found->repositories == std::vector<std::string>{"cache/*", "team/app"});
  CHECK(found->made_by == "uid 0");
  CHECK(found->created_at == world.clock.wall());
  CHECK(found->expires_at_wall == world.clock.wall() + hours(24));
  CHECK(found->last_used_at == Time());
  CHECK_FALSE(world.tokens().find(test::digest_of("another text")));
}

TEST_CASE("tokens and revocations survive a power cut, and are in a backup") {
  TokenWorld world;
  const Digest kept = world.make("kept"), revoked = world.make("revoked");
  REQUIRE(*world.tokens().revoke("revoked"));
  const auto before = world.tokens().find(kept);
  world.crash();
  world.disk.power_cut();
  REQUIRE(world.open());
  const auto after = world.tokens().find(kept);
  REQUIRE(after);
  CHECK(encode(*after) == encode(*before));
  CHECK(world.standing(revoked) == Standing::revoked);
  REQUIRE(world.store->backup().back_up(world.folder.path() / "backup", {}));
  world.store.reset();
  world.settings.data = world.folder.path() / "backup";
  REQUIRE(world.open());
  CHECK(world.standing(kept) == Standing::valid);
  CHECK(world.standing(revoked) == Standing::revoked);
}

TEST_CASE("a token expires at its time, to the millisecond, also over a restart") {
  TokenWorld world;
  const Digest secret = world.make("ci", hours(1)), forever = world.make("forever", std::nullopt);
  world.clock.advance(hours(1) - std::chrono::milliseconds(1));
  CHECK(world.standing(secret) == Standing::valid);
  world.start_again();
  CHECK(world.standing(secret) == Standing::valid);
  world.clock.advance(std::chrono::milliseconds(1));
  CHECK(world.standing(secret) == Standing::expired);
  world.start_again();
  CHECK(world.standing(secret) == Standing::expired);
  world.clock.advance(hours(24 * 36500));
  CHECK(world.standing(forever) == Standing::valid);
}

TEST_CASE(
    "a wall clock that is set back gives a token no more time, and one that ran while the machine was off "
    "takes it") {
  TokenWorld world;
  const Digest secret = world.make("ci", hours(48));
  world.clock.set_wall_by(-hours(24 * 365));
  CHECK(world.standing(secret) == Standing::valid);
  world.clock.advance(hours(48));
  CHECK(world.standing(secret) == Standing::expired);
  world.clock.set_wall_by(hours(24 * 365));
  const Digest other = world.make("other", hours(48));
  world.crash();
  world.clock.set_wall_by(hours(49));
  world.clock.reboot();
  REQUIRE(world.open());
  CHECK(world.standing(other) == Standing::expired);
}

TEST_CASE("a name belongs to one valid token; that of a revoked or expired one is free") {
  TokenWorld world;
  const Digest first = world.make("ci");
  const auto again = world.tokens().create(test::digest_of("x"), TokenWorld::wish("ci"));
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == Error::Kind::conflict);
  CHECK(world.tokens().plan(TokenWorld::wish("ci")).error().kind == Error::Kind::conflict);
  REQUIRE(*world.tokens().revoke("ci"));
  const Digest second = world.make("ci", hours(1));
  CHECK(world.standing(first) == Standing::revoked);
  CHECK(world.standing(second) == Standing::valid);
  world.clock.advance(hours(1));
  const Digest third = world.make("ci");
  CHECK(world.tokens().list().size() == 3);
  // Of several it is the valid one that is revoked, then what is not revoked yet.
  REQUIRE(*world.tokens().revoke("ci"));
  CHECK(world.standing(third) == Standing::revoked);
  CHECK(world.standing(second) == Standing::expired);
  REQUIRE(*world.tokens().revoke("ci"));
  CHECK(world.standing(second) == Standing::revoked);
  CHECK_FALSE(*world.tokens().revoke("ci"));
  CHECK(world.tokens().revoke("never").error().kind == Error::Kind::not_found);
}

TEST_CASE("what ended first makes room for a new token, and valid ones never do") {
  TokenWorld world;
  AccessTokens few(world.store->parts().catalog, world.store->clock(), 3);
  const auto make = [&](const std::string& name) {
    return few.create(test::digest_of(name), TokenWorld::wish(name, hours(24)));
  };
  for (const char* name : {"a", "b", "c"}) REQUIRE(make(name));
  CHECK(make("d").error().kind == Error::Kind::full);
  CHECK(few.plan(TokenWorld::wish("d")).error().kind == Error::Kind::full);
  REQUIRE(*few.revoke("b"));
  world.clock.advance(seconds(1));
  REQUIRE(*few.revoke("a"));
  REQUIRE(make("d"));
  CHECK_FALSE(few.find(test::digest_of("b")));
  CHECK(few.find(test::digest_of("a")));
  world.start_again();
  CHECK(world.tokens().list().size() == 3);
  CHECK_FALSE(world.tokens().find(test::digest_of("b")));
}

TEST_CASE("when a token was used last is written once a minute at most, and at an orderly end") {
  TokenWorld world;
  const Digest secret = world.make("ci");
  world.clock.advance(minutes(5));
  const Time first = world.clock.wall();
  world.tokens().note_use(secret);
  CHECK(world.tokens().find(secret)->last_used_at == first);
  REQUIRE(world.tokens().flush(Flush::if_due));
  world.clock.advance(seconds(59));
  world.tokens().note_use(secret);
  REQUIRE(world.tokens().flush(Flush::if_due));
  world.start_again();
  CHECK(world.tokens().find(secret)->last_used_at == first);

  world.tokens().note_use(secret);
  const Time second = world.clock.wall();
  world.store.reset();
  REQUIRE(world.open());
  CHECK(world.tokens().find(secret)->last_used_at == second);
  CHECK(world.standing(secret) == Standing::valid);
}

TEST_CASE("an act on the disk that fails makes no token, and does not let a revoked one in") {
  TokenWorld world;
  const Digest secret = world.make("ci");
  world.disk.fail_each(test::FaultyDisk::Operation::sync);
  CHECK_FALSE(world.tokens().create(test::digest_of("new"), TokenWorld::wish("new")));
  CHECK_FALSE(world.tokens().find(test::digest_of("new")));
  const auto revoked = world.tokens().revoke("ci");
  REQUIRE_FALSE(revoked);
  CHECK(revoked.error().message.find("not after a restart") != std::string::npos);
  CHECK(world.standing(secret) == Standing::revoked);
  // It is written when the disk is well again.
  world.disk.heal();
  REQUIRE(world.tokens().flush(Flush::now));
  world.start_again();
  CHECK(world.standing(secret) == Standing::revoked);
}

TEST_CASE("secrets of one length are compared as a whole, and what held one is overwritten") {
  CHECK(same_secret("same", "same"));
  CHECK_FALSE(same_secret("same", "some"));
  CHECK_FALSE(same_secret("same", "sam"));
  CHECK(same_secret("", ""));
  std::string text = "a password that is longer than what a string has room for in itself";
  const std::string_view bytes(text.data(), text.size());
  cleanse(text);
  CHECK(text.empty());
  CHECK(std::string_view(bytes.data() + 1, bytes.size() - 1).find_first_not_of('\0') ==
        std::string_view::npos);
  Secret secret("a password"), other;
  const char* at = secret.c_str();
  other = std::move(secret);
  CHECK(other.c_str() == at);  // it has moved and left no copy behind
  CHECK(other.view() == "a password");
  CHECK(Secret().view().empty());
  CHECK(std::string(Secret().c_str()).empty());
}

}  // namespace breakwater::store
