// Access tokens as operations: what makes one, what programs and people read of it, and what is refused.
#include "routes/ops/token_verbs.h"

#include <chrono>

#include "routes/access/token_text.h"
#include "routes/ops/audited_acts.h"
#include "routes/ops/operations.h"
#include "store/access/access_tokens.h"
#include "store/history/event_queue.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

struct TokenVerbs : test::StoreWorld {
  RouteDirectory directory;
  Progress progress;
  std::unique_ptr<store::EventQueue> events;

  TokenVerbs() {
    REQUIRE(open());
    events = std::make_unique<store::EventQueue>(store->parts().catalog,
                                                 std::map<std::string, store::EventQueue::Kinds>());
  }
  static Arguments arguments_of(const Given& given) {
    Arguments arguments;
    for (const auto& [name, value] : given) arguments.add(name, value);
    return arguments;
  }
  // As the verb's operation does it, arguments checked.
  Result<Json> run(std::string_view verb, const Given& given) {
    const auto* operation = operation_of(verb);
    REQUIRE(operation != nullptr);
    const auto arguments = arguments_of(given);
    if (auto right = check(arguments, *operation); !right) return failure(right.error());
    const StoreSide side{*store, directory, progress, {}, {}, *events, nullptr, {}, "10.0.0.7"};
    return operation->of_store(side, arguments);
  }
  Json done(std::string_view verb, const Given& given) {
    auto answer = run(verb, given);
    REQUIRE(answer);
    return *answer;
  }
  Json only_row() {
    const auto list = done("token list", {});
    REQUIRE(list.at("tokens").size() == 1);
    return list.at("tokens").at(0);
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a token is shown when it is made and never again, and what it may is listed until it is revoked") {
  TokenVerbs world;
  const auto made = world.done(
      "token create",
      {{"name", "ci"}, {"may", "push,pull,push"}, {"repositories", "cache/*,team/app"}, {"expires", "2h"}});
  const auto text = made.at("token").get<std::string>();
  CHECK(is_token(text));
  CHECK(world.store->access_tokens().find(digest_of_token(text)));
  CHECK(made.at("may") == Json({"pull", "push"}));
  CHECK(made.at("repositories") == Json({"cache/*", "team/app"}));
  CHECK(made.at("made_by") == "10.0.0.7");
  CHECK(made.at("expires_at") == "2023-11-15T00:13:20Z");
  CHECK(has(token_created_words(made), text + "\n"));

  const auto row = world.only_row();
  CHECK_FALSE(has(row.dump(), "bwt_"));
  CHECK(row.at("standing") == "valid");
  for (const char* field : {"name", "may", "repositories", "created_at", "made_by", "expires_at"})
    CHECK(row.at(field) == made.at(field));
  CHECK_FALSE(row.contains("last_used_at"));
  world.clock.advance(std::chrono::minutes(1));
  world.store->access_tokens().note_use(digest_of_token(text));
  CHECK(world.only_row().at("last_used_at") == "2023-11-14T22:14:20Z");

  CHECK(world.done("token revoke", {{"name", "ci"}, {"dry_run", "true"}}).at("changed") == true);
  CHECK(world.only_row().at("standing") == "valid");
  CHECK(world.done("token revoke", {{"name", "ci"}}).at("changed") == true);
  CHECK(world.done("token revoke", {{"name", "ci"}}).at("changed") == false);
  CHECK(world.done("token revoke", {{"name", "ci"}, {"dry_run", "true"}}).at("changed") == false);
  CHECK(world.only_row().at("standing") == "revoked");
  CHECK(world.only_row().at("revoked_at") == "2023-11-14T22:14:20Z");
}

TEST_CASE(
    "a token pulls for 90 days if nobody says otherwise, a dry run makes none, and people read the same") {
  TokenVerbs world;
  CHECK(tokens_words(world.done("token list", {})) == "there are no tokens\n");
  const auto planned = world.done("token create", {{"name", "ci"}, {"dry_run", "true"}});
  CHECK_FALSE(planned.contains("token"));
  CHECK(has(token_created_words(planned), "would be made"));
  CHECK(world.done("token list", {}).at("tokens").empty());
  auto made = world.done("token create", {{"name", "ci"}});
  for (const char* field : {"may", "repositories", "created_at", "made_by", "expires_at"})
    CHECK(made.at(field) == planned.at(field));
  CHECK(made.at("expires_at") == "2024-02-12T22:13:20Z");
  CHECK(has(token_created_words(made), "may pull in *; expires: 2024-02-12T22:13:20Z\nbwt_"));
  world.clock.advance(std::chrono::hours(24 * 90));
  CHECK(world.only_row().at("standing") == "expired");
  made = world.done("token create", {{"name", "ci"}, {"expires", "never"}});
  CHECK(has(token_created_words(made), "expires: never"));
  const auto words = tokens_words(world.done("token list", {}));
  for (const char* part : {"TOKEN", "LAST USED", "ci", "expired", "valid", "never"}) CHECK(has(words, part));
}

TEST_CASE("what makes no token is refused, with what is wrong") {
  TokenVerbs world;
  (void)world.done("token create", {{"name", "ci"}});
  struct Row {
    Given given;
    Error::Kind kind;
    std::string part;
  };
  const std::vector<Row> rows = {
      {{}, Error::Kind::invalid, "\"name\" is empty or missing"},
      {{{"name", "ci"}}, Error::Kind::conflict, "revoke it first"},
      {{{"name", "ci"}, {"dry_run", "true"}}, Error::Kind::conflict, "revoke it first"},
      {{{"name", "a name"}}, Error::Kind::invalid, "\"name\" has letters"},
      {{{"name", std::string(65, 'a')}}, Error::Kind::invalid, "64 at most"},
      {{{"name", "a"}, {"may", "administer"}}, Error::Kind::invalid, "not \"administer\""},
      {{{"name", "a"}, {"may", "pull,"}}, Error::Kind::invalid, "not \"\""},
      {{{"name", "a"}, {"may", ""}}, Error::Kind::invalid, "not \"\""},
      {{{"name", "a"}, {"repositories", "Team/App"}}, Error::Kind::invalid, "not \"Team/App\""},
      {{{"name", "a"}, {"repositories", "a,,b"}}, Error::Kind::invalid, "not \"\""},
      {{{"name", "a"}, {"repositories", std::string(256, 'a')}}, Error::Kind::invalid, "patterns such as"},
      {{{"name", "a"}, {"expires", "soon"}}, Error::Kind::invalid, "not \"soon\""},
      {{{"name", "a"}, {"expires", "0d"}}, Error::Kind::invalid, "\"expires\" is a time"},
      {{{"name", "a"}, {"expires", "-1d"}}, Error::Kind::invalid, "\"expires\" is a time"},
      {{{"name", "a"}, {"expires", "90"}}, Error::Kind::invalid, "\"expires\" is a time"},
      {{{"name", "a"}, {"expires", "9999999999999999999d"}}, Error::Kind::invalid, "\"expires\" is a time"},
      {{{"name", "a"}, {"secret", "x"}}, Error::Kind::invalid, "unknown parameter"},
  };
  for (const auto& row : rows) {
    const auto answer = world.run("token create", row.given);
    REQUIRE_FALSE(answer);
    CAPTURE(answer.error().message);
    CHECK(answer.error().kind == row.kind);
    CHECK(has(answer.error().message, row.part));
  }
  CHECK(world.run("token revoke", {{"name", "nobody"}}).error().kind == Error::Kind::not_found);
  CHECK(world.run("token revoke", {{"name", "nobody"}, {"dry_run", "true"}}).error().kind ==
        Error::Kind::not_found);
  CHECK(world.done("token list", {}).at("tokens").size() == 1);
}

TEST_CASE("the audit log has who made which token, and nothing of its text") {
  TokenVerbs world;
  const Given given = {{"name", "ci"}, {"may", "push"}, {"expires", "1h"}};
  const auto made = world.run("token create", given);
  auto entry = audit_entry(*operation_of("token create"), TokenVerbs::arguments_of(given), world.directory);
  set_outcome(entry, made);
  const auto line = audit_line(entry);
  CHECK(has(line, "token create"));
  CHECK(has(line, "name=ci"));
  CHECK_FALSE(has(line, "bwt_"));
}

}  // namespace breakwater::routes
