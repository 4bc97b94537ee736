// What /token and the page give out: whose it is, for how long, and that nobody else can make one.
#include "routes/access/passes.h"

#include <fstream>

#include "routes/access/token_request.h"
#include "routes/access/token_text.h"
#include "store/access/access_tokens.h"
#include "test/catch.h"
#include "test/fakes/made_passwords.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

struct PassWorld : test::StoreWorld {
  const std::filesystem::path file = folder.path() / "users";
  proxy::Loop loop;
  proxy::Workers workers{loop, 1};
  PasswordLine line{loop};
  const proxy::Peer peer{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}, "10.0.0.7"};
  std::unique_ptr<Users> users;
  std::unique_ptr<OwnTokens> tokens;
  std::unique_ptr<Passes> passes;

  PassWorld() {
    REQUIRE(open());
    std::ofstream(file) << test::htpasswd_line("alice", "secret");
    users =
        std::make_unique<Users>(loop, workers, line, clock, log, UsersSettings{file, {{"ci", {"alice"}}}});
    tokens = std::make_unique<OwnTokens>(store->access_tokens(), [] { return std::nullopt; });
    make_passes('k');
  }
  void make_passes(char key) {
    Seal seal(store::Secret(std::string(Seal::kKeyBytes, key)));
    passes = std::make_unique<Passes>(std::move(seal), users.get(), *tokens, clock);
  }
  std::string name_of(const std::string& pass, Pass kind = Pass::bearer) {
    const auto who = passes->identity(kind, pass, peer);
    return who ? who->name : "refused: " + who.error().message;
  }
};

}  // namespace

TEST_CASE("a pass says whose it is with his groups of now, and a pass of nobody says nobody") {
  PassWorld world;
  const Identity alice = world.users->identity_of("alice");
  const auto pass = world.passes->issue(Pass::session, &alice);
  CHECK(world.passes->recognises(pass));
  const auto who = world.passes->identity(Pass::session, pass, world.peer);
  REQUIRE(who);
  CHECK(who->name == "alice");
  CHECK(who->groups == std::vector<std::string>{"ci"});
  CHECK_FALSE(who->grant);
  CHECK_FALSE(who->scopes);
  CHECK(world.name_of(world.passes->issue(Pass::bearer, nullptr)).empty());
}

TEST_CASE("a pass of one kind is none of the other, and one of another key, or changed anywhere, is none") {
  PassWorld world;
  const Identity alice = world.users->identity_of("alice");
  const auto pass = world.passes->issue(Pass::bearer, &alice);
  CHECK(world.name_of(pass) == "alice");
  CHECK(world.name_of(pass, Pass::session).starts_with("refused: nobody here has given"));
  for (size_t at = 0; at < pass.size(); ++at) {
    auto changed = pass;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    CAPTURE(at);
    CHECK(world.name_of(changed).starts_with("refused: "));
    CHECK(world.name_of(pass.substr(0, at)).starts_with("refused: "));
  }
  world.make_passes('l');
  CHECK(world.name_of(pass).starts_with("refused: "));
}

TEST_CASE("a pass ends with its time, and with the password, the token or the certificate it was given for") {
  PassWorld world;
  const Identity alice = world.users->identity_of("alice");
  const auto bearer = world.passes->issue(Pass::bearer, &alice);
  const auto session = world.passes->issue(Pass::session, &alice);
  world.clock.advance(std::chrono::seconds(299));
  CHECK(world.name_of(bearer) == "alice");
  world.clock.advance(std::chrono::seconds(1));
  CHECK(world.name_of(bearer) == "refused: the token has expired");
  CHECK(world.name_of(session, Pass::session) == "alice");
  std::ofstream(world.file) << test::htpasswd_line("alice", "another secret");
  test::run(world.loop, world.users->look());
  CHECK(world.name_of(session, Pass::session).find("is another one now") != std::string::npos);

  const store::Secret text = new_token();
  const auto digest = digest_of_token(text.view());
  REQUIRE(world.store->access_tokens().create(digest, {"ci", {"pull"}, {"cache/*"}, "uid 0", std::nullopt}));
  const auto of_token = world.tokens->identity_of(digest);
  REQUIRE(of_token);
  const auto for_token = world.passes->issue(Pass::bearer, &*of_token);
  const auto known = world.passes->identity(Pass::bearer, for_token, world.peer);
  REQUIRE(known);
  REQUIRE(known->grant);
  CHECK(known->grant->repositories == std::vector<std::string>{"cache/*"});
  REQUIRE(world.store->access_tokens().revoke("ci"));
  CHECK(world.name_of(for_token).starts_with("refused: the token ci was revoked"));

  Identity certificate;
  certificate.name = "CN=ci";
  const auto for_certificate = world.passes->issue(Pass::bearer, &certificate);
  CHECK(world.name_of(for_certificate).find("showed a certificate") != std::string::npos);
  auto peer = world.peer;
  peer.subject = "CN=ci";
  CHECK(world.passes->identity(Pass::bearer, for_certificate, peer)->name == "CN=ci");
}

TEST_CASE("a pass of a job holds what the job may, and scopes narrow any pass") {
  PassWorld world;
  Identity job;
  job.name = "gitlab.example.org:me/app";
  job.grant = Grant{{Action::pull, Action::remove}, {"ci/*", "b"}};
  const auto pass = world.passes->issue(Pass::bearer, &job, {{{"private", "ci/app", {Action::pull}}}});
  const auto who = world.passes->identity(Pass::bearer, pass, world.peer);
  REQUIRE(who);
  CHECK(who->name == job.name);
  REQUIRE(who->grant);
  CHECK(who->grant->may.has_all({Action::pull, Action::remove}));
  CHECK_FALSE(who->grant->may.has(Action::push));
  CHECK(who->grant->repositories == job.grant->repositories);
  REQUIRE(who->scopes);
  REQUIRE(who->scopes->size() == 1);
  CHECK(who->scopes->front().repository == "ci/app");
  CHECK(who->scopes->front().route == "private");
  CHECK(who->scopes->front().may.has(Action::pull));
  CHECK_FALSE(who->scopes->front().may.has(Action::push));
}

TEST_CASE("scopes of a query are repositories with their actions, and the list of all") {
  struct Row {
    std::string query, scopes;
  };
  const auto row = GENERATE(values<Row>({
      {"", ""},
      {"service=private", ""},
      {"scope=repository:a/b:pull,push", "a/b pull push;"},
      {"service=x&scope=repository%3Aa%2Fb%3Apull&scope=repository:c:*", "a/b pull;c pull push delete;"},
      {"scope=repository:a:pull%20repository:b:delete", "a pull;b delete;"},
      {"scope=repository:a:pull+repository:b:push", "a pull;b push;"},
      {"scope=registry:catalog:*", " pull;"},
      {"scope=registry:catalog:pull", ""},
      {"scope=repository:host:5000/a:pull", "host:5000/a pull;"},
      {"scope=repository:a:write", "a;"},
      {"scope=repository::pull", ""},
      {"scope=repository:a", ""},
      {"scope=project:a:pull", ""},
      {"scope", ""},
      {"scope=", ""},
  }));
  CAPTURE(row.query);
  const auto scopes = scopes_of_query(row.query, "private");
  REQUIRE(scopes);
  std::string said;
  for (const auto& scope : *scopes) {
    CHECK(scope.route == "private");
    said += scope.repository;
    for (const auto action : {Action::pull, Action::push, Action::remove}) {
      if (scope.may.has(action)) said += " " + std::string(name_of(action));
    }
    said += ";";
  }
  CHECK(said == row.scopes);
}

TEST_CASE("a query of /token that is broken, or asks for more than 16 scopes, is refused") {
  CHECK_FALSE(scopes_of_query("scope=%zz", "private"));
  std::string query;
  for (int i = 0; i < 16; ++i) query += "scope=repository:a:pull&";
  CHECK(scopes_of_query(query, "private"));
  CHECK_FALSE(scopes_of_query(query + "scope=repository:a:pull", "private"));
}

}  // namespace breakwater::routes
