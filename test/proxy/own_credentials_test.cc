#include "proxy/upstream/own_credentials.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/upstream_world.h"

namespace breakwater::proxy {
namespace {

using std::chrono::minutes;
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
using Sent = std::vector<std::string>;

const std::string kPath = FakeRegistry::manifest_path(kAlpine, "1");
const std::string kAdvice = "(user me) were refused; check username and password_file of route hub";

// A registry and its credentials, with a password file that can be written.
struct World : test::UpstreamWorld {
  World() : UpstreamWorld(me()) {
    settings.password_file = file.string();
    settings.token_realms = test::host_patterns({"127.0.0.2"});
    write("s3cret");
    begin();
  }
  ~World() { std::filesystem::remove(file); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void write(const std::string& password) const {
    const auto fresh = file.string() + ".new";
    std::ofstream(fresh) << password << "\n";
    std::filesystem::rename(fresh, file);
  }
  // The realm gives tokens to `password`, and to those who send none.
  void ask_realm_with(const std::string& password) {
    registry.ask_for_token(auth, "x");
    registry.manifest(kAlpine, "1", kImageType, "{}");
    auth.ask_for_password("me", password);
  }
  std::string refusal(const Result<Reply>& reply) const {
    REQUIRE_FALSE(reply);
    CHECK(reply.error().kind == Kind::denied);
    return reply.error().message + "; " + reply.error().remedy;
  }
  bool is_advised(const Result<Reply>& reply) const {
    return refusal(reply).find(kAdvice) != std::string::npos;
  }

  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("breakwater-password-" + std::to_string(getpid()));
};

TEST_CASE("credentials that a realm refuses are told once an hour, and public images come without them") {
  for (int status : {401, 403}) {
    INFO(status);
    World world;
    world.ask_realm_with("another");
    world.auth.next("/token", Fault::reply(status));
    world.auth.next("/token", Fault::reply(200, {}, R"({"token":"public"})"));
    const std::string challenge = "Bearer realm=\"" + world.auth.url() + "/token\"";
    world.registry.answer(kPath, status_of(200, {}, "{}"));
    world.registry.answer("/v2/library/alpine/manifests/2",
                          status_of(401, {{"WWW-Authenticate", challenge}}));
    CHECK(world.is_advised(world.get("/v2/library/alpine/manifests/2")));
    CHECK(authorizations(world.auth) == Sent{kBasicMe, ""});
    CHECK(authorizations(world.registry) == Sent{"", "Bearer public"});
    CHECK(world.get(kPath));
    CHECK(world.registry.seen().back().headers.get("Authorization") == "Bearer public");
    CHECK(world.log.count("upstream_refuses_credentials") == 1);
    CHECK(world.client->stats().refusals.credentials == 1);
    CHECK(world.client->stats().refusals.denied == 1);
    for (const char* secret : {"s3cret", "bWU6"}) CHECK_FALSE(world.log.contains(secret));
  }
}

TEST_CASE("credentials that a registry refuses by Basic rest, and it is asked without them") {
  World world;
  world.registry.ask_for_password("me", "s3cret");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  CHECK(world.get(kPath));
  world.registry.ask_for_password("me", "another");
  CHECK(world.is_advised(world.get(kPath)));
  CHECK(authorizations(world.registry) == Sent{"", kBasicMe, kBasicMe, ""});
  CHECK(world.is_advised(world.get(kPath)));
  CHECK(authorizations(world.registry).back() == "");
  CHECK(world.registry.count() == 5);
  world.registry.ask_for_password("", "");
  world.registry.always(kPath, Fault::reply(200, {}, "public"));
  CHECK(world.log.count("upstream_refuses_credentials") == 1);
}

TEST_CASE("a Basic registry that refuses them one repository goes on getting them for the others") {
  World world;
  world.registry.ask_for_password("me", "s3cret");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  CHECK(world.get(kPath));
  const auto ask = [&world](const std::string& repository) {
    auto asked = world.request("GET", "/v2/" + repository + "/manifests/1");
    asked.scope = "repository:" + repository + ":pull";
    world.registry.answer("/v2/" + repository + "/manifests/1",
                          status_of(401, {{"WWW-Authenticate", "Basic realm=\"r\""}}));
    return world.fetch(asked);
  };
  for (const char* repository : {"one", "two"}) {
    CHECK(world.is_advised(ask(repository)));
    CHECK(world.get(kPath));
  }
  // The password that is good for nobody any more is not tried for each repository.
  for (const char* repository : {"three", "four", "five"}) CHECK(world.is_advised(ask(repository)));
  CHECK(world.is_advised(ask("six")));
  CHECK(authorizations(world.registry).back() == "");
}

TEST_CASE("what upstream hides from those without credentials is not said to be missing") {
  World world;
  world.ask_realm_with("another");
  world.auth.next("/token", Fault::reply(401));
  world.auth.next("/token", Fault::reply(200, {}, R"({"token":"public"})"));
  const std::string challenge = "Bearer realm=\"" + world.auth.url() + "/token\"";
  world.registry.answer("/v2/a/manifests/1", status_of(401, {{"WWW-Authenticate", challenge}}));
  world.refusal(world.get("/v2/a/manifests/1"));
  world.registry.answer("/v2/a/manifests/1", status_of(404));
  CHECK(world.is_advised(world.get("/v2/a/manifests/1")));
}

TEST_CASE(
    "refused credentials are tried again after a minute, then two, and at last every quarter of an hour") {
  World world;
  world.ask_realm_with("another");
  CHECK(world.is_advised(world.get(kPath)));
  size_t tried = 1;
  for (int64_t rest : {1, 2, 4, 8, 15, 15, 15}) {
    INFO(rest);
    const auto count = [&] {
      size_t sent = 0;
      for (const auto& authorization : authorizations(world.auth)) sent += authorization == kBasicMe ? 1 : 0;
      return sent;
    };
    world.clock.advance(minutes(rest) - seconds(1));
    CHECK(world.is_advised(world.get(kPath)));
    CHECK(count() == tried);
    world.clock.advance(seconds(1));
    CHECK(world.is_advised(world.get(kPath)));
    CHECK(count() == ++tried);
  }
  CHECK(world.log.count("upstream_refuses_credentials") == 2);  // an hour and no more has passed
  world.auth.ask_for_password("me", "s3cret");
  world.clock.advance(minutes(15));
  CHECK(world.get(kPath));
  CHECK(world.log.count("upstream_accepts_credentials") == 1);
  world.clock.advance(minutes(16));
  world.auth.ask_for_password("me", "another");
  CHECK(world.is_advised(world.get(kPath)));
  CHECK(world.log.count("upstream_refuses_credentials") == 3);
}

TEST_CASE(
    "a password file that has changed counts at once, when the old password is refused and while it rests") {
  World world;
  world.ask_realm_with("another");
  world.write("another");
  CHECK(world.get(kPath));
  CHECK(world.log.count("upstream_refuses_credentials") == 0);
  CHECK(world.log.count("password_file_read") == 1);

  World resting;
  resting.ask_realm_with("another");
  CHECK(resting.is_advised(resting.get(kPath)));
  resting.write("another");
  resting.clock.advance(seconds(1));
  CHECK(resting.get(kPath));

  World basic;
  basic.registry.ask_for_password("me", "another");
  basic.registry.manifest(kAlpine, "1", kImageType, "{}");
  basic.write("another");
  CHECK(basic.get(kPath));
}

TEST_CASE("a file that is gone, empty or no file leaves the password as it was") {
  World world;
  PasswordFile file(world.file.string());
  CHECK(file.read_if_changed() == "s3cret");
  CHECK_FALSE(file.read_if_changed());
  world.write("other \r");
  CHECK(file.read_if_changed() == "other");
  world.write("");
  CHECK_FALSE(file.read_if_changed());
  std::filesystem::remove(world.file);
  CHECK_FALSE(file.read_if_changed());
  std::filesystem::create_directory(world.file);
  CHECK_FALSE(file.read_if_changed());
  CHECK_FALSE(PasswordFile("").read_if_changed());
}

TEST_CASE("a realm's 403 and a registry's 401 to a token refuse the credentials for that repository alone") {
  for (bool by_realm : {true, false}) {
    INFO(by_realm);
    World world;
    world.ask_realm_with("s3cret");
    const std::string other = "/v2/other/manifests/1";
    if (by_realm) world.auth.next("/token", Fault::reply(403));
    if (!by_realm) {
      const std::string challenge = "Bearer realm=\"" + world.auth.url() + "/token\"";
      world.registry.answer(other, status_of(401, {{"WWW-Authenticate", challenge}}));
    }
    auto asked = world.request("GET", other);
    asked.scope = "repository:other:pull";
    CHECK(world.is_advised(world.fetch(asked)));
    CHECK(world.get(kPath));
    CHECK(authorizations(world.auth).back() == kBasicMe);
    CHECK(world.log.count("upstream_refuses_credentials") == 1);
  }
}

TEST_CASE("a good token that is not enough for a repository says nothing against the credentials") {
  World world;
  const std::string challenge =
      "Bearer realm=\"" + world.auth.url() + "/token\",error=\"insufficient_scope\"";
  world.ask_realm_with("s3cret");
  world.registry.answer(kPath, status_of(401, {{"WWW-Authenticate", challenge}}));
  CHECK_FALSE(world.is_advised(world.get(kPath)));
  CHECK(world.log.count("upstream_refuses_credentials") == 0);
  CHECK(world.client->stats().refusals.denied == 1);
  CHECK(world.client->stats().refusals.credentials == 0);
}

}  // namespace
}  // namespace breakwater::proxy
