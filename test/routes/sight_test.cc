// What a caller is shown: what he may pull from, by the routes' own rules.
#include "routes/access/sight.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Routes = std::vector<std::shared_ptr<const RouteAccess>>;

std::shared_ptr<const RouteAccess> route(const std::string& name,
                                         std::optional<std::vector<AccessRule>> rules = std::nullopt) {
  RouteAccess access;
  access.route = name;
  access.rules = std::move(rules);
  return std::make_shared<const RouteAccess>(std::move(access));
}

AccessRule rule(const std::string& user, Actions may, std::vector<std::string> repositories = {"*"}) {
  AccessRule made;
  made.is_of_anyone = user.empty();
  if (!user.empty()) made.users = {user};
  made.may = may;
  made.repositories = std::move(repositories);
  return made;
}

Identity named(const std::string& name) { return {name, {}}; }

const proxy::Peer kInside{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}, "10.0.0.7"};
const proxy::Peer kOutside{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 5}, "203.0.113.5"};

}  // namespace

TEST_CASE("without rules everything is seen, also what is of no route any more") {
  const Routes routes = {route("private"), route("dockerhub")};
  for (const Sight& sight : {Sight(), Sight(kInside, nullptr, routes), Sight(kOutside, nullptr, routes)}) {
    CHECK(sight.is_of_all());
    CHECK(sight.sees("private", "team/app"));
    CHECK(sight.sees("gone", "team/app"));
    CHECK(sight.sees_any("gone"));
  }
}

TEST_CASE("with rules anywhere each route says what is seen of it, and what is of no route is not") {
  const Routes routes = {
      route("private", {{rule("alice", {Action::pull}), rule("bob", {Action::pull}, {"team/*"})}}),
      route("dockerhub")};
  const auto alice = named("alice"), bob = named("bob");
  CHECK(Sight(kInside, &alice, routes).is_of_all());
  const Sight of_bob(kInside, &bob, routes), of_nobody(kInside, nullptr, routes);
  CHECK(of_bob.sees("private", "team/app"));
  CHECK_FALSE(of_bob.sees("private", "hidden/app"));
  CHECK_FALSE(of_bob.sees("private", ""));
  CHECK(of_bob.sees_any("private"));
  CHECK(of_bob.sees("dockerhub", "library/alpine"));
  CHECK_FALSE(of_bob.sees("gone", "team/app"));
  CHECK_FALSE(of_nobody.sees_any("private"));
  CHECK(of_nobody.sees("dockerhub", "library/alpine"));
  CHECK_FALSE(Sight(kOutside, &alice, routes).sees("private", "team/app"));  // `allow` goes before all
}

TEST_CASE("a rule that takes something away leaves who is in it without all") {
  const Routes routes = {
      route("private", {{rule("alice", {Action::push}, {"drop/*"}), rule("", {Action::pull})}})};
  const auto alice = named("alice"), bob = named("bob");
  CHECK_FALSE(Sight(kInside, &alice, routes).is_of_all());
  CHECK_FALSE(Sight(kInside, &alice, routes).sees("private", "drop/box"));
  CHECK(Sight(kInside, &alice, routes).sees("private", "team/app"));
  CHECK(Sight(kInside, &bob, routes).is_of_all());
}

TEST_CASE("who is there by a token sees what it is for, rules or not") {
  const Routes routes = {route("private"), route("dockerhub")};
  auto token = named("token ci");
  token.grant = Grant{{Action::pull}, {"cache/*"}};
  CHECK_FALSE(Sight(kInside, &token, routes).is_of_all());
  CHECK(Sight(kInside, &token, routes).sees("private", "cache/app"));
  CHECK_FALSE(Sight(kInside, &token, routes).sees("private", "team/app"));
  token.grant = Grant{{Action::push}, {"*"}};
  CHECK_FALSE(Sight(kInside, &token, routes).sees("private", "cache/app"));
  token.grant = Grant{{Action::pull}, {"*"}};
  CHECK(Sight(kInside, &token, routes).is_of_all());
  auto scoped = named("alice");
  scoped.scopes = {{"private", "cache/app", {Action::pull}}};
  CHECK(Sight(kInside, &scoped, routes).sees("private", "cache/app"));
  CHECK_FALSE(Sight(kInside, &scoped, routes).sees("private", "cache/other"));
  CHECK_FALSE(Sight(kInside, &scoped, routes).sees("dockerhub", "cache/app"));
}

}  // namespace breakwater::routes
