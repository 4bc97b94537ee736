#include "proxy/upstream/authentication.h"

#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/upstream_world.h"

namespace breakwater::proxy {
namespace {

using std::chrono::seconds;
using test::authorizations;
using test::FakeRegistry;
using test::Fault;
using test::kAlpine;
using test::kBasicMe;
using test::kImageType;
using test::me;
using test::status_of;
using Kind = Error::Kind;
using World = test::UpstreamWorld;
using Sent = std::vector<std::string>;

const std::string kPath = FakeRegistry::manifest_path(kAlpine, "1");

// A registry that answers each request to `kPath` with the next of `answers`, and then with "{}".
void script(World& world, std::vector<Fault> answers) {
  for (auto& answer : answers) world.registry.next(kPath, std::move(answer));
  world.registry.always(kPath, Fault::reply(200, {}, "{}"));
}

Fault challenged(std::vector<std::string> challenges, int status = 401) {
  Headers headers;
  for (auto& challenge : challenges) headers.add("WWW-Authenticate", std::move(challenge));
  return Fault::reply(status, std::move(headers));
}

std::string bearer(const std::string& realm, const std::string& more = "") {
  return "Bearer realm=\"" + realm + "\"" + more;
}

// Each answer holds the next token: "t1", "t2", …
void issue_tokens(FakeRegistry& auth, int count, const std::string& path = "/t") {
  for (int i = 1; i <= count; ++i)
    auth.next(path, Fault::reply(200, {}, "{\"token\":\"t" + std::to_string(i) + "\"}"));
}

TEST_CASE(
    "a token from the cache that is refused with 400, 401 or 403 is replaced once, whatever it says with "
    "it") {
  for (int status : {400, 401, 403}) {
    INFO(status);
    World world;
    script(world, {challenged({bearer(world.auth.url() + "/t")}), Fault::reply(200), Fault::reply(status)});
    issue_tokens(world.auth, 2);
    CHECK(world.get(kPath));
    CHECK(world.get(kPath));
    CHECK(authorizations(world.registry) == Sent{"", "Bearer t1", "Bearer t1", "Bearer t2"});
    CHECK(world.auth.count() == 2);
  }
}

TEST_CASE(
    "a new token that is refused as the old one was is the answer, and for a minute no other is asked for") {
  World world;
  script(world, {challenged({bearer(world.auth.url() + "/t")}), Fault::reply(200), Fault::reply(403),
                 Fault::reply(403), Fault::reply(403), Fault::reply(403)});
  issue_tokens(world.auth, 3);
  CHECK(world.get(kPath));
  CHECK(world.get(kPath).error().kind == Kind::denied);
  CHECK(world.get(kPath).error().kind == Kind::denied);
  CHECK(world.auth.count() == 2);
  CHECK(world.registry.count() == 5);
  world.clock.advance(seconds(40));
  CHECK(world.get(kPath).error().kind == Kind::denied);
  CHECK(world.auth.count() == 2);
}

TEST_CASE("that a token is refused which was given a moment before is said, and by whom it was given") {
  const bool is_of_token = GENERATE(true, false);
  World world;
  const std::string error = is_of_token ? ",error=\"invalid_token\"" : ",error=\"insufficient_scope\"";
  const auto challenge = bearer(world.auth.url() + "/t", error);
  script(world, {challenged({bearer(world.auth.url() + "/t")}), challenged({challenge})});
  issue_tokens(world.auth, 1);
  const auto refused = world.get(kPath).error();
  CHECK(refused.kind == Kind::denied);
  const auto said = ", although " + world.auth.url() + " had just given the token (invalid_token)";
  CHECK((refused.message.find(said) != std::string::npos) == is_of_token);
  CHECK((refused.remedy.find("token server") != std::string::npos) == is_of_token);
}

TEST_CASE("a realm that is gone when a token is refused leaves the registry's answer standing") {
  World world;
  script(world, {challenged({bearer(world.auth.url() + "/t")}), Fault::reply(200), Fault::reply(403)});
  issue_tokens(world.auth, 1);
  CHECK(world.get(kPath));
  CHECK(world.get(kPath).error().kind == Kind::denied);
}

TEST_CASE("the scope of the challenge is tried when a token of ours is not enough, or none is given for it") {
  const std::string theirs = ",scope=\"repository:a/b:pull repository:c:pull\"";
  for (int status : {401, 403}) {
    INFO(status);
    World world;
    const auto challenge = bearer(world.auth.url() + "/t", theirs);
    script(world, {challenged({challenge}), challenged({challenge}, status)});
    issue_tokens(world.auth, 2);
    CHECK(world.get(kPath));
    REQUIRE(world.auth.count() == 2);
    CHECK(world.auth.seen()[0].target == "/t?scope=repository%3Alibrary%2Falpine%3Apull");
    CHECK(world.auth.seen()[1].target == "/t?scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%3Apull");
    CHECK(authorizations(world.registry) == Sent{"", "Bearer t1", "Bearer t2"});
  }
  World refused;
  script(refused, {challenged({bearer(refused.auth.url() + "/t", theirs)})});
  refused.auth.next("/t", Fault::reply(403));
  issue_tokens(refused.auth, 1);
  CHECK(refused.get(kPath));
}

TEST_CASE("a scope that is tried in vain ends, and is asked for once") {
  World world;
  const auto challenge = bearer(world.auth.url() + "/t", ",scope=\"repository:other:pull\"");
  world.registry.answer(kPath, status_of(401, {{"WWW-Authenticate", challenge}}));
  issue_tokens(world.auth, 9);
  CHECK(world.get(kPath).error().kind == Kind::denied);
  CHECK(world.auth.count() == 2);
  CHECK(world.registry.count() == 3);
}

TEST_CASE(
    "of several challenges the first Bearer with a usable realm is answered, in whatever fields they stand") {
  World world;
  const auto good = bearer(world.auth.url() + "/t");
  const std::vector<std::vector<std::string>> cases = {
      {"Bearer, " + good},
      {"Bearer service=\"x\"", good},
      {"Bearer realm=\"\"", "BEARER Realm=\"" + world.auth.url() + "/t\""},
      {"Bearer realm=\"\",realm=\"" + world.auth.url() + "/t\""},
      {"Bearer realm=\"never closed", good},
      {bearer("ftp://127.0.0.1/t"), good},
      {"Negotiate", "Basic realm=\"x\", " + good},
      {bearer(world.auth.url().replace(0, 7, "http://me:pw@") + "/t")},
      {bearer(world.auth.url().replace(0, 7, "http://me@") + "/t?a=b@c")},
      {bearer(world.auth.url() + "/t#here")},
      {"Bearer realm=\"" + world.auth.url() + "\\/t\""},
  };
  int asked = 0;
  for (const auto& challenges : cases) {
    INFO(challenges.front());
    world.begin();
    script(world, {challenged(challenges)});
    issue_tokens(world.auth, 1);
    CHECK(world.get(kPath));
    REQUIRE(world.auth.count() == static_cast<size_t>(++asked));
    CHECK(world.auth.seen().back().headers.get("Authorization") == "");
    CHECK(world.auth.seen().back().target.find("scope=repository%3Alibrary%2Falpine%3Apull") !=
          std::string::npos);
  }
  CHECK_FALSE(world.log.contains("pw"));
}

TEST_CASE("a realm may be relative to the registry, and have a query of its own") {
  World world;
  script(world, {challenged({bearer("/t?account=x", ",service=\"a b\"")})});
  issue_tokens(world.registry, 1);
  CHECK(world.get(kPath));
  CHECK(world.registry.seen()[1].target ==
        "/t?account=x&service=a%20b&scope=repository%3Alibrary%2Falpine%3Apull");
}

TEST_CASE("a dead realm does not hide the next one, nor Basic at the registry itself") {
  const Fault dead[] = {Fault::reply(404),
                        Fault::reply(410),
                        Fault::reply(405),
                        Fault::reply(500),
                        Fault::reply(503),
                        Fault::reply(200, {{"Content-Type", "text/html"}}, "<html>"),
                        Fault::reply(200, {}, "nonsense"),
                        Fault::reply(204),
                        Fault::reply(307),
                        Fault::hang_up()};
  for (const Fault& fault : dead) {
    INFO(fault.canned.status << " " << fault.canned.body);
    World world(me());
    world.auth.always("/dead", fault);
    script(world, {challenged({bearer(world.auth.url() + "/dead") + ", Basic realm=\"r\""})});
    CHECK(world.get(kPath));
    CHECK(world.get(kPath));
    CHECK(authorizations(world.registry) == Sent{"", kBasicMe, kBasicMe});
    CHECK(world.auth.count("GET", "/dead") >= 1);

    World next;
    next.auth.always("/dead", fault);
    script(next, {challenged({bearer(next.auth.url() + "/dead"), bearer(next.cdn.url() + "/t")})});
    issue_tokens(next.cdn, 1);
    CHECK(next.get(kPath));
    CHECK(authorizations(next.registry) == Sent{"", "Bearer t1"});
  }
}

TEST_CASE(
    "our password does not go to another host's Basic, nor beside a realm that refuses or throttles us") {
  World elsewhere(me());
  elsewhere.registry.redirect_all_to(elsewhere.cdn);
  elsewhere.cdn.always(kPath, challenged({"Basic realm=\"r\""}));
  CHECK_FALSE(elsewhere.get(kPath));
  CHECK(authorizations(elsewhere.cdn) == Sent{""});

  World throttled(me());
  script(throttled, {challenged({bearer(throttled.auth.url() + "/t"), "Basic realm=\"r\""})});
  throttled.auth.always("/t", Fault::reply(429));
  CHECK(throttled.get(kPath).error().kind == Kind::throttled);
  CHECK(authorizations(throttled.registry) == Sent{""});
}

TEST_CASE("a token counts whatever 2xx it comes with") {
  for (int status : {200, 201, 202, 203}) {
    INFO(status);
    World world;
    script(world, {challenged({bearer(world.auth.url() + "/t")})});
    world.auth.next("/t", Fault::reply(status, {}, R"({"token":null,"access_token":"t1"})"));
    CHECK(world.get(kPath));
    CHECK(authorizations(world.registry) == Sent{"", "Bearer t1"});
  }
}

}  // namespace
}  // namespace breakwater::proxy
