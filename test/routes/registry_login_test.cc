// Who is asked for a name, by which challenge, what a name, a token and a token of /token then may, and that
// nothing else is to be had by them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "routes/access/jose.h"
#include "store/access/access_tokens.h"
#include "test/catch.h"
#include "test/fakes/made_passwords.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using routes::AccessRule;
using routes::Action;
using routes::Actions;

// base64 with padding, as clients write it.
std::string base64(std::string_view text) {
  std::string encoded = routes::base64url(text);
  std::replace(encoded.begin(), encoded.end(), '-', '+');
  std::replace(encoded.begin(), encoded.end(), '_', '/');
  encoded.append((4 - encoded.size() % 4) % 4, '=');
  return encoded;
}

constexpr Actions kEverything = {Action::pull, Action::push, Action::remove};

AccessRule rule_of(const std::string& who, Actions may, std::vector<std::string> repositories = {"*"}) {
  AccessRule rule;
  rule.is_of_anyone = who == "anonymous";
  if (who.starts_with('@'))
    rule.groups.push_back(who.substr(1));
  else if (!rule.is_of_anyone)
    rule.users.push_back(who);
  rule.may = may;
  rule.repositories = std::move(repositories);
  return rule;
}

proxy::Headers by_password(const std::string& user, const std::string& password) {
  return {{"Authorization", "Basic " + base64(user + ":" + password)}};
}
proxy::Headers by_bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

// alice is in the group ci, bob in none.
struct LoginWorld : RegistryWorld {
  explicit LoginWorld(std::vector<AccessRule> rules) {
    htpasswd = htpasswd_line("alice", "open sesame") + htpasswd_line("bob", "let me in");
    groups = {{"ci", {"alice"}}};
    access.rules = std::move(rules);
  }
  const proxy::Headers alice = by_password("alice", "open sesame"), bob = by_password("bob", "let me in");

  // An index of nothing, so that the repository is listed; its status.
  int push_index(const std::string& repository, proxy::Headers who) {
    who.add("Content-Type", std::string(routes::kOciIndex));
    const auto text =
        R"({"schemaVersion":2,"mediaType":")" + std::string(routes::kOciIndex) + R"(","manifests":[]})";
    return put(manifest_path(repository, "1"), text, who).status;
  }
  // What /token gives for the scopes; its status is checked.
  std::string token_for(const std::string& query, const proxy::Headers& who = {}) {
    const auto reply = get("/token?service=private" + query, who);
    REQUIRE(reply.status == 200);
    CHECK(reply["Cache-Control"] == "no-store");
    const auto json = nlohmann::json::parse(reply.body);
    CHECK(json["token"] == json["access_token"]);
    CHECK(json["expires_in"] == 300);
    return json["token"];
  }
};

}  // namespace

TEST_CASE(
    "where nothing may be done without a name, the first question is 401 with Basic, and so is each other") {
  LoginWorld world({rule_of("alice", kEverything)});
  for (const std::string target :
       {"/v2/", "/v2", "/v2/_catalog", "/v2/app/manifests/1", "/v2/app/tags/list"}) {
    CAPTURE(target);
    const auto asked = world.get(target);
    CHECK(asked.status == 401);
    CHECK(asked.says("UNAUTHORIZED"));
    CHECK(asked["WWW-Authenticate"] == "Basic realm=\"private\"");
    CHECK(asked.body.find("log in") != std::string::npos);
  }
  CHECK(world.post(uploads_path("app")).status == 401);
  CHECK(world.get("/v2/", world.alice).status == 200);
  CHECK(world.get("/").status == 200);  // for who looks whether it lives
}

TEST_CASE("a wrong password is 401 and says so, a user without the right is 403 and told which rule lacks") {
  LoginWorld world({rule_of("@ci", kEverything, {"ci/*"})});
  for (const auto& wrong : {by_password("alice", "open sesam"), by_password("carol", "open sesame")}) {
    const auto reply = world.get("/v2/", wrong);
    CHECK(reply.status == 401);
    CHECK(reply.body.find("no user here has this name and this password") != std::string::npos);
    CHECK(reply["WWW-Authenticate"] == "Basic realm=\"private\"");
  }
  const auto bob = world.post(uploads_path("ci/app"), {}, world.bob);
  CHECK(bob.status == 403);
  CHECK(bob.body.find("bob may not push to ci/app by \\\"access\\\" of route private") != std::string::npos);
  CHECK(world.get("/v2/", world.bob).status == 200);  // his password is right
  CHECK(world.post(uploads_path("ci/app"), {}, world.alice).status == 202);
  CHECK(world.post(uploads_path("other/app"), {}, world.alice).status == 403);
  const auto malformed = world.get("/v2/", {{"Authorization", "Basic !"}});
  CHECK(malformed.status == 400);
  CHECK(malformed.says("UNAUTHORIZED"));
}

TEST_CASE("where no name counts, no name is asked for and none is looked at") {
  RegistryWorld world;
  CHECK(world.get("/v2/", by_password("me", "of another registry")).status == 200);
  CHECK(world.get("/token").status == 404);
  CHECK(world.post(uploads_path("app"), {}, by_password("me", "of another registry")).status == 202);
}

TEST_CASE("where some may be done without a name, the challenge is Bearer, and nobody gets a token too") {
  LoginWorld world({rule_of("alice", kEverything), rule_of("anonymous", {Action::pull}, {"public/*"})});
  const auto asked = world.get("/v2/");
  CHECK(asked.status == 401);
  CHECK(asked["WWW-Authenticate"] == "Bearer realm=\"http://registry/token\",service=\"private\"");
  const auto nobody = world.token_for("&scope=repository:public/app:pull");
  CHECK(world.get("/v2/", by_bearer(nobody)).status == 200);
  CHECK(world.get("/v2/public/app/tags/list", by_bearer(nobody)).status == 404);  // nothing is there
  CHECK(world.get("/v2/public/app/tags/list").status == 404);                     // nor without
  const auto pushed = world.post(uploads_path("public/app"), {}, by_bearer(nobody));
  CHECK(pushed.status == 401);
  CHECK(
      pushed["WWW-Authenticate"] ==
      "Bearer realm=\"http://registry/token\",service=\"private\",scope=\"repository:public/app:pull,push\"");
  CHECK(world.get("/v2/secret/app/tags/list").status == 401);
  CHECK(world.get("/token?service=private", by_password("alice", "wrong")).status == 401);
  const auto named = world.token_for("&scope=repository:public/app:pull,push", world.alice);
  CHECK(world.post(uploads_path("public/app"), {}, by_bearer(named)).status == 202);
}

TEST_CASE("a token of /token is for its scopes, its five minutes, and as long as its password") {
  LoginWorld world({rule_of("@ci", kEverything)});
  const auto token =
      world.token_for("&scope=repository:app:pull,push&scope=repository:base:pull", world.alice);
  const auto with = by_bearer(token);
  CHECK(world.get("/v2/", with).status == 200);
  const auto left = world.post(uploads_path("app"), {}, with);
  CHECK(left.status == 202);
  CHECK(world.get("/v2/base/tags/list", with).status == 404);
  const auto beyond = world.post(uploads_path("base"), {}, with);
  CHECK(beyond.status == 401);
  CHECK(beyond["WWW-Authenticate"].find("error=\"insufficient_scope\"") != std::string_view::npos);
  CHECK(beyond["WWW-Authenticate"].find("scope=\"repository:base:pull,push\"") != std::string_view::npos);
  CHECK(world.get("/v2/other/tags/list", with).status == 401);
  CHECK(world.remove("/v2/app/manifests/1").status == 401);

  std::string mutated = token;
  mutated[20] = mutated[20] == 'A' ? 'B' : 'A';
  CHECK(world.get("/v2/", by_bearer(mutated)).status == 401);

  world.stop();  // and a restart
  CHECK(world.get("/v2/app/tags/list", with).status == 404);
  world.clock().advance(std::chrono::seconds(299));
  CHECK(world.get("/v2/app/tags/list", with).status == 404);
  world.clock().advance(std::chrono::seconds(1));
  const auto late = world.get("/v2/app/tags/list", with);
  CHECK(late.status == 401);
  CHECK(late.body.find("has expired") != std::string::npos);

  const auto next = by_bearer(world.token_for("&scope=repository:app:pull", world.alice));
  CHECK(world.get("/v2/app/tags/list", next).status == 404);
  world.change_users(htpasswd_line("alice", "another"));
  CHECK(world.get("/v2/app/tags/list", next).status == 401);
}

TEST_CASE("a token for cache/* can do nothing else, whoever may what") {
  LoginWorld world({rule_of("anonymous", kEverything, {"public/*"}), rule_of("bob", kEverything)});
  const auto secret = by_bearer(world.make_token("ci", {"pull", "push"}, {"cache/*"}));
  const auto as_password = by_password("anybody", world.make_token("ci2", {"pull", "push"}, {"cache/*"}));
  world.start();
  const auto begin = [&world](const std::string& repository, const proxy::Headers& who) {
    return std::string(world.post(uploads_path(repository), {}, who)["Location"]);
  };
  const auto content = content_of(1000, 3);
  const auto digest = digest_of(content);
  const auto of_bob = begin("team/app", world.bob);
  CHECK(world.put(with_digest(begin("team/app", world.bob), digest), content, world.bob).status == 201);
  CHECK(world.push_index("team/app", world.bob) == 201);
  CHECK(world.push_index("cache/app", secret) == 201);
  for (const auto& who : {secret, as_password}) {
    CHECK(world.get("/v2/", who).status == 200);
    const auto own = begin("cache/app", who);
    CHECK(world.put(with_digest(own, digest), content, who).status == 201);
    CHECK(world.get(blob_path("cache/app", digest), who).body == content);
    for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
             {"GET", blob_path("team/app", digest)},
             {"HEAD", blob_path("team/app", digest)},
             {"GET", "/v2/team/app/tags/list"},
             {"GET", "/v2/public/app/tags/list"},  // not even what anybody may
             {"GET", "/v2/team/app/referrers/" + digest.text()},
             {"POST", uploads_path("team/app")},
             {"GET", of_bob},
             {"PATCH", of_bob},
             {"PUT", with_digest(of_bob, digest)},
             {"DELETE", of_bob},
             {"PUT", manifest_path("team/app", "1")},
             {"DELETE", manifest_path("team/app", "1")},
             {"DELETE", blob_path("cache/app", digest)}}) {
      CAPTURE(method, target);
      CHECK(world.ask(method, target, who, method == "PUT" || method == "PATCH" ? "x" : "").status == 403);
    }
    // The session of another repository is not reached by the name of one's own.
    const auto stolen = "/v2/cache/app" + of_bob.substr(of_bob.find("/blobs/"));
    CHECK(world.patch(stolen, "x", who).status == 404);
    CHECK(
        world.post(uploads_path("cache/b") + "?mount=" + digest.text() + "&from=team/app", {}, who).status ==
        202);
    CHECK(world.get("/v2/_catalog", who).body == R"({"repositories":["cache/app"]})");
    CHECK(world.get("/token?scope=repository:team/app:pull", who).status == 200);
    const auto narrower = by_bearer(world.token_for("&scope=repository:team/app:pull", who));
    CHECK(world.get(blob_path("team/app", digest), narrower).status == 403);
  }
}

TEST_CASE(
    "a token that was revoked, or has expired, is refused and says so, and what /token gave for it ends") {
  LoginWorld world({rule_of("bob", kEverything)});
  const auto text = world.make_token("ci", {"pull"}, {"*"}, std::chrono::hours(1));
  CHECK(world.get("/v2/app/tags/list", by_bearer(text)).status == 404);
  const auto given = by_bearer(world.token_for("&scope=repository:app:pull", by_bearer(text)));
  CHECK(world.get("/v2/app/tags/list", given).status == 404);
  REQUIRE(world.store().access_tokens().revoke("ci"));
  for (const auto& who : {by_bearer(text), given}) {
    const auto refused = world.get("/v2/app/tags/list", who);
    CHECK(refused.status == 401);
    CHECK(refused.body.find("the token ci was revoked") != std::string::npos);
  }
}

TEST_CASE("a list shows who asked for the list all that he may pull, and others what they asked for") {
  LoginWorld world({rule_of("bob", kEverything)});
  for (const char* name : {"a/x", "b/x"}) {
    REQUIRE(world.push_index(name, world.bob) == 201);
  }
  const auto listed = [&world](const std::string& scope) {
    return world.get("/v2/_catalog", by_bearer(world.token_for(scope, world.bob))).body;
  };
  CHECK(listed("&scope=registry:catalog:*") == R"({"repositories":["a/x","b/x"]})");
  CHECK(listed("&scope=repository:b/x:pull") == R"({"repositories":["b/x"]})");
}

TEST_CASE("the log and the audit say who it was, and nothing of what he showed") {
  LoginWorld world({rule_of("alice", kEverything)});
  world.get("/v2/", world.alice);
  CHECK(world.log().contains("user=alice"));
  world.get("/v2/", by_password("open sesame", "typed into the wrong field"));
  for (const auto& line : world.log().lines()) {
    CHECK(line.find("sesame") == std::string::npos);
    CHECK(line.find("typed") == std::string::npos);
  }
}

}  // namespace breakwater::test
