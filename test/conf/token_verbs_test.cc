// `breakwater token create`, `token list` and `token revoke`, on a folder that nobody serves.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "routes/access/token_text.h"
#include "store/access/access_tokens.h"
#include "test/catch.h"
#include "test/fakes/verb_world.h"

namespace breakwater::conf {
namespace {

using Json = nlohmann::json;

struct TokenVerbs : test::VerbWorld {
  TokenVerbs() { store.reset(); }
  int verb(std::initializer_list<std::string> arguments) {
    const test::Printed printed;
    const int status = test::run(verbs, arguments);
    text = printed.text();
    return status;
  }
  Json json(std::initializer_list<std::string> arguments) {
    REQUIRE(verb(arguments) == 0);
    return Json::parse(text);
  }
  std::string text;  // that the last verb has printed
};

}  // namespace

TEST_CASE(
    "tokens are made, listed and revoked on a folder that nobody serves, and what people see once is not "
    "kept") {
  TokenVerbs world;
  const Json made = world.json({"token", "create", "ci", "--may", "push,pull", "--repositories",
                                "cache/*,team/app", "--expires", "2h", "--json", "--yes"});
  const auto text = made.at("token").get<std::string>();
  CHECK(routes::is_token(text));
  CHECK(made.at("may") == Json({"pull", "push"}));
  CHECK(made.at("repositories") == Json({"cache/*", "team/app"}));
  CHECK(made.at("made_by").get<std::string>() == "uid " + std::to_string(::getuid()));
  CHECK(made.contains("expires_at"));
  const Json list = world.json({"token", "list", "--json"});
  CHECK(world.text.find("bwt_") == std::string::npos);
  REQUIRE(list.at("tokens").size() == 1);
  const Json& row = list.at("tokens").at(0);
  CHECK(row.at("standing") == "valid");
  for (const char* field : {"name", "may", "repositories", "created_at", "made_by", "expires_at"})
    CHECK(row.at(field) == made.at(field));
  CHECK_FALSE(row.contains("last_used_at"));
  // What the folder has is the digest.
  REQUIRE(world.open());
  CHECK(world.store->access_tokens().find(routes::digest_of_token(text)));
  world.store.reset();

  CHECK(world.json({"token", "revoke", "ci", "--json", "--dry-run"}).at("changed") == true);
  CHECK(world.json({"token", "list", "--json"}).at("tokens").at(0).at("standing") == "valid");
  CHECK(world.json({"token", "revoke", "ci", "--json", "--yes"}).at("changed") == true);
  CHECK(world.json({"token", "revoke", "ci", "--json", "--yes"}).at("changed") == false);
  const Json revoked = world.json({"token", "list", "--json"});
  CHECK(revoked.at("tokens").at(0).at("standing") == "revoked");
  CHECK(revoked.at("tokens").at(0).contains("revoked_at"));
}

TEST_CASE("what the command line does not understand of tokens ends with 2") {
  TokenVerbs world;
  CHECK(world.verb({"token"}) == 2);
  CHECK(world.verb({"token", "crate", "ci"}) == 2);
  CHECK(world.verb({"token", "create"}) == 2);
  CHECK(world.verb({"token", "revoke", "nobody", "--yes"}) != 0);
  CHECK(world.json({"token", "list", "--json"}).at("tokens").empty());
}

}  // namespace breakwater::conf
