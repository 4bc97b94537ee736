// Who a request comes from, and why it is nobody.
#include "routes/access/authenticator.h"

#include <fstream>

#include "routes/access/own_tokens.h"
#include "routes/access/token_text.h"
#include "test/catch.h"
#include "test/fakes/made_passwords.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

using std::chrono::hours;
using test::htpasswd_line;
using test::run;

std::string base64(const std::string& text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string made;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = i; j < i + 3; ++j)
      bits = bits << 8 | (j < text.size() ? static_cast<uint8_t>(text[j]) : 0U);
    for (size_t j = 0; j < 4; ++j) made += i + j > text.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
  }
  return made;
}
std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base64(user + ":" + password);
}

// Tokens of a CI system, which are not known before something has been asked for.
class JobTokens final : public TokenSource {
 public:
  explicit JobTokens(proxy::Loop& loop) : answered(loop) {}
  bool has_any() const override { return is_configured; }
  bool recognises(std::string_view text) const override { return text.starts_with("job."); }
  proxy::Task<Result<Identity>> identify(const store::Secret& secret, const proxy::Peer&) override {
    while (!is_known) co_await answered.wait();
    co_return Identity{"job " + std::string(secret.view().substr(4)), {}, std::nullopt};
  }
  bool is_configured = true, is_known = true;
  proxy::Signal answered;
};

struct LoginWorld : test::StoreWorld {
  const std::filesystem::path file = folder.path() / "users";
  proxy::Loop loop;
  proxy::Workers workers{loop, 1};
  PasswordLine line{loop};
  proxy::Peer peer{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}, "10.0.0.7"};
  std::optional<Error> away;
  std::unique_ptr<Users> users;
  std::unique_ptr<OwnTokens> tokens;
  JobTokens jobs{loop};
  std::unique_ptr<Authenticator> authenticator;

  LoginWorld() { restart(); }
  void restart() {
    REQUIRE(open());
    std::ofstream(file) << htpasswd_line("alice", "secret one");
    users = std::make_unique<Users>(loop, workers, line, clock, log, UsersSettings{file, {}});
    tokens = std::make_unique<OwnTokens>(store->access_tokens(), [this] { return away; });
    authenticator =
        std::make_unique<Authenticator>(users.get(), std::vector<TokenSource*>{tokens.get(), &jobs});
  }
  std::string make(const std::string& name, std::optional<store::Time::duration> lifetime = hours(24)) {
    const store::Secret text = new_token();
    REQUIRE(store->access_tokens().create(digest_of_token(text.view()),
                                          {name, {"push", "pull"}, {"cache/*"}, "uid 0", lifetime}));
    return std::string(text.view());
  }
  Result<std::optional<Identity>> identify(const proxy::Headers& headers) {
    return run(loop, authenticator->identify(headers, peer));
  }
  Result<std::optional<Identity>> identify(const std::string& authorization) {
    return identify(proxy::Headers{{"Authorization", authorization}});
  }
  // The name; or what kind of error, and its message.
  std::string said(const std::string& authorization) {
    const auto who = identify(authorization);
    if (who) return *who ? (*who)->name : "nobody";
    const auto& error = who.error();
    CHECK(error.message.find("bwt_") == std::string::npos);
    CHECK(error.message.find("secret") == std::string::npos);
    const char* kind = error.kind == Error::Kind::denied    ? "denied: "
                       : error.kind == Error::Kind::invalid ? "invalid: "
                       : error.kind == Error::Kind::storage ? "storage: "
                                                            : "another: ";
    return kind + error.message;
  }
};

const std::string kWrong = "denied: no user here has this name and this password";

}  // namespace

TEST_CASE("a request says who it is by a user's password, a token as the password of anybody, or as Bearer") {
  LoginWorld world;
  const std::string token = world.make("ci-cache");
  const auto anonymous = world.identify(proxy::Headers{});
  REQUIRE(anonymous);
  CHECK_FALSE(*anonymous);
  CHECK(world.said(basic("alice", "secret one")) == "alice");
  CHECK(world.said("Bearer " + token) == "token ci-cache");
  for (const char* user : {"ci-cache", "alice", "anybody", ""})
    CHECK(world.said(basic(user, token)) == "token ci-cache");
  const auto who = world.identify("Bearer " + token);
  REQUIRE(who);
  REQUIRE(*who);
  REQUIRE((*who)->grant);
  CHECK((*who)->grant->may.has(Action::pull));
  CHECK((*who)->grant->may.has(Action::push));
  CHECK_FALSE((*who)->grant->may.has(Action::remove));
  CHECK((*who)->grant->repositories == std::vector<std::string>{"cache/*"});
  CHECK(world.said("Bearer job.me/app") == "job me/app");
  CHECK(world.said(basic("gitlab-ci-token", "job.me/app")) == "job me/app");
}

TEST_CASE("each reason why a request is nobody's is told apart, and none quotes what was given") {
  LoginWorld world;
  std::string token = world.make("ci");
  CHECK(world.said(basic("alice", "secret two")) == kWrong);
  CHECK(world.said(basic("carol", "secret one")) == kWrong);
  CHECK(world.said("Bearer secret") == "denied: the Bearer token is none that is known here");
  CHECK(world.said("Bearer " + std::string(new_token().view())) == "denied: nobody here has made this token");
  CHECK(world.said("Bearer " + token.substr(0, 40)) == "denied: the token is not whole");
  CHECK(world.said(basic("alice", "bwt_secret")) == "denied: the token is not whole");
  CHECK(world.said("Basic secret!").starts_with("invalid: "));
  world.away = Error{Error::Kind::storage, "the data folder is away", 0, {}};
  CHECK(world.said("Bearer " + token) == "storage: the data folder is away");
  CHECK(world.said("Bearer " + std::string(new_token().view())) == "storage: the data folder is away");
  CHECK(world.said(basic("alice", "secret one")) == "alice");
}

TEST_CASE("a token is refused at once when it is revoked, and at its time when it expires, and says which") {
  LoginWorld world;
  const std::string revoked = world.make("revoked"), expiring = world.make("expiring", hours(1));
  CHECK(world.said("Bearer " + revoked) == "token revoked");
  REQUIRE(*world.store->access_tokens().revoke("revoked"));
  CHECK(world.said("Bearer " + revoked) == "denied: the token revoked was revoked at 2023-11-14T22:13:20Z");
  world.clock.advance(hours(1) - std::chrono::milliseconds(1));
  CHECK(world.said("Bearer " + expiring) == "token expiring");
  world.clock.advance(std::chrono::milliseconds(1));
  const std::string told =
      "denied: the token expiring has expired: it was to last until 2023-11-14T23:13:20Z";
  CHECK(world.said("Bearer " + expiring) == told);
  world.crash();
  world.restart();
  CHECK(world.said("Bearer " + expiring) == told);
  CHECK(world.said("Bearer " + revoked).starts_with("denied: the token revoked was revoked"));
}

TEST_CASE("a token works on after a restart, and when it was used last is known") {
  LoginWorld world;
  const std::string token = world.make("ci");
  world.clock.advance(std::chrono::minutes(3));
  CHECK(world.said("Bearer " + token) == "token ci");
  const auto used = world.clock.wall();
  world.clock.advance(std::chrono::minutes(3));
  world.restart();
  REQUIRE(world.store->access_tokens().list().size() == 1);
  CHECK(world.store->access_tokens().list()[0].last_used_at == used);
  CHECK(world.said(basic("x", token)) == "token ci");
}

TEST_CASE("what memory knows is answered without waiting, and what is asked for elsewhere is waited for") {
  LoginWorld world;
  const std::string token = world.make("ci");
  CHECK(world.said(basic("alice", "secret one")) == "alice");
  const proxy::Headers by_token{{"Authorization", "Bearer " + token}};
  const proxy::Headers by_password{{"Authorization", basic("alice", "secret one")}};
  const proxy::Headers by_job{{"Authorization", "Bearer job.me"}};
  for (const auto* headers : {&by_token, &by_password}) {
    auto task = world.authenticator->identify(*headers, world.peer);
    task.start();
    REQUIRE(task.done());
    CHECK(task.result());
  }
  world.jobs.is_known = false;
  auto waiting = world.authenticator->identify(by_job, world.peer);
  waiting.start();
  CHECK_FALSE(waiting.done());
  waiting = {};  // the client leaves
}

TEST_CASE("where there is nobody to be, what clients have for other registries is not looked at") {
  LoginWorld world;
  world.jobs.is_configured = false;
  Authenticator none(nullptr, {world.tokens.get(), &world.jobs});
  const auto identify = [&](const std::string& authorization) {
    const proxy::Headers headers{{"Authorization", authorization}};
    return run(world.loop, none.identify(headers, world.peer));
  };
  CHECK_FALSE(none.knows_anybody());
  for (const auto& other : {std::string("Basic !"), basic("me", "of docker.io")}) {
    const auto who = identify(other);
    REQUIRE(who);
    CHECK_FALSE(*who);
  }
  (void)world.make("ci");
  CHECK(none.knows_anybody());
  const auto malformed = identify("Basic !"), wrong = identify(basic("me", "of docker.io"));
  REQUIRE_FALSE(malformed);
  CHECK(malformed.error().kind == Error::Kind::invalid);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == Error::Kind::denied);
}

TEST_CASE("a token of a later version may no more than what is known here") {
  store::TokenRecord record;
  record.may = {"administer"};
  CHECK_FALSE(grant_of(record).may.has(Action::pull));
  for (const char* may : {"pull", "push", "delete"}) {
    record.may = {"administer", may};
    for (const Action action : {Action::pull, Action::push, Action::remove})
      CHECK(grant_of(record).may.has(action) == (name_of(action) == may));
  }
  record.may = {"delete", "pull", "push"};
  for (const Action action : {Action::pull, Action::push, Action::remove})
    CHECK(grant_of(record).may.has(action));
}

}  // namespace breakwater::routes
