#include "routes/access/oidc.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/run.h"
#include "test/fakes/signing_key.h"
#include "test/fakes/tls_identity.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using test::Fault;
using test::jwks;
using test::run;
using test::SigningKey;

constexpr const char* kDiscovery = "/.well-known/openid-configuration";
constexpr const char* kKeys = "/keys";
constexpr uint64_t kClient = 7;

const SigningKey& first() {
  static const SigningKey key = SigningKey::rsa("first");
  return key;
}
const SigningKey& second() {
  static const SigningKey key = SigningKey::ec("second");
  return key;
}

// A CI system on loopback that lists the first key, and us.
struct OidcWorld {
  OidcWorld() {
    entry.issuer = ci.url();
    entry.audience = "breakwater";
    entry.claims = {ClaimPattern{"repository_owner", {"me"}}};
    entry.grant.may = Actions{Action::push};
    entry.grant.repositories = {"ci/*"};
    publish(jwks({first().jwk()}));
    answer(kDiscovery, json{{"issuer", ci.url()}, {"jwks_uri", ci.url() + kKeys}}.dump());
  }
  // begin() is called by the first who asks.
  void begin() {
    Oidc::Parts parts{loop, workers, http_client, http_settings, clock, log};
    oidc = std::make_unique<Oidc>(parts, std::vector{entry}, limits);
  }
  void answer(const char* path, const std::string& body, int status = 200) {
    ci.always(path, Fault::reply(status, {{"Content-Type", "application/json"}}, body));
  }
  void publish(const std::string& keys) { answer(kKeys, keys); }

  json claims(const std::string& subject = "repo:me/app") const {
    const int64_t now = std::chrono::duration_cast<seconds>(clock.wall().time_since_epoch()).count();
    return {{"iss", entry.issuer},      {"sub", subject},    {"aud", "breakwater"},
            {"repository_owner", "me"}, {"exp", now + 3600}, {"iat", now}};
  }
  std::string token(const SigningKey& key, const std::string& subject = "repo:me/app") const {
    return key.token(claims(subject).dump());
  }

  proxy::Task<Result<Identity>> ask(std::string token) {
    if (!oidc) begin();
    return oidc->identify(std::move(token), kClient);
  }
  Result<Identity> identify(std::string token) { return run(loop, ask(std::move(token))); }
  // Whether the answer is there at once, without a worker and without the issuer.
  bool is_known(std::string token) {
    auto asked = ask(std::move(token));
    asked.start();
    return asked.done() && asked.result().has_value();
  }
  proxy::Task<> queued(size_t jobs) {
    while (workers.queued() < jobs) co_await loop.sleep(proxy::Millis(1));
  }
  proxy::Task<> first_fetch() {
    while (fetches() == 0) co_await ci.changed().wait();
  }
  size_t fetches() const { return ci.count("GET", kDiscovery); }

  proxy::Loop loop;
  test::FakeClock clock;
  test::FakeLog log;
  proxy::Workers workers{loop, 1};
  proxy::HttpClientSettings http_settings;
  proxy::HttpClient http_client{loop, http_settings};
  test::FakeRegistry ci{loop};
  OidcEntry entry;
  OidcLimits limits;
  std::unique_ptr<Oidc> oidc;
};

std::string message_of(const Result<Identity>& identity) {
  return identity ? "it is " + identity->name : identity.error().message;
}

TEST_CASE("a job's token says who the job is, and its entry what it may") {
  OidcWorld world;
  const auto identity = world.identify(world.token(first()));
  CAPTURE(message_of(identity));
  REQUIRE(identity);
  CHECK(identity->name == world.ci.authority() + ":repo:me/app");
  CHECK(identity->groups.empty());
  REQUIRE(identity->grant);
  CHECK(identity->grant->may.has(Action::push));
  CHECK_FALSE(identity->grant->may.has(Action::pull));
  CHECK(identity->grant->repositories == std::vector<std::string>{"ci/*"});
  CHECK(world.fetches() == 1);
  CHECK(world.ci.count("GET", kKeys) == 1);
  CHECK(world.log.count("oidc_keys_changed issuer=" + world.ci.url() + " keys=1") == 1);
}

TEST_CASE("what a token says beside its signature is checked") {
  OidcWorld world;
  const auto refusal = [&](const char* claim, const json& value) {
    json claims = world.claims();
    claims[claim] = value;
    const auto identity = world.identify(first().token(claims.dump()));
    CHECK_FALSE(identity);
    if (!identity) CHECK(identity.error().kind == Error::Kind::denied);
    return message_of(identity);
  };
  const std::string whose = "the token of " + world.ci.authority() + ":repo:me/app ";
  CHECK(refusal("repository_owner", "you") ==
        whose + "has the claim repository_owner 'you', which oidc does not allow");
  CHECK(refusal("repository_owner", nullptr) ==
        whose + "has the claim repository_owner missing, which oidc does not allow");
  CHECK(refusal("aud", "sts.example") ==
        whose + "is made for the audience 'sts.example', and not for 'breakwater'");
  CHECK(refusal("iss", world.ci.url() + "/") == whose + "is of an issuer that oidc does not name");
  CHECK(refusal("iss", "https://evil.example") ==
        "the token of evil.example:repo:me/app is of an issuer that oidc does not name");
  CHECK(refusal("exp", 1).find("has expired") != std::string::npos);
  CHECK(world.identify("no token").error().message ==
        "the token cannot be read: it has not three parts, as a signed JWT has");
  CHECK(world.identify(std::string(100'000, 'x')).error().message ==
        "the token cannot be read: it has more than 16384 bytes");
  const auto stranger = SigningKey::rsa("first");
  CHECK(message_of(world.identify(world.token(stranger))) ==
        whose + "has a signature that is not its issuer's");
  CHECK(world.fetches() == 1);
}

TEST_CASE("of an issuer's entries the first that a token fits counts") {
  OidcWorld world;
  OidcEntry other = world.entry, third = world.entry;
  other.claims = {ClaimPattern{"repository_owner", {"y*"}}, ClaimPattern{"ref", {"main"}}};
  other.grant.repositories = {"yours/*"};
  third.audience = "readers";
  third.claims.clear();
  third.grant.may = Actions{Action::pull};
  Oidc::Parts parts{world.loop,          world.workers, world.http_client,
                    world.http_settings, world.clock,   world.log};
  world.oidc = std::make_unique<Oidc>(parts, std::vector{world.entry, other, third}, world.limits);
  const auto identify = [&](const char* owner, const char* ref, const json& aud) {
    json claims = world.claims();
    claims["repository_owner"] = owner;
    claims["ref"] = ref;
    claims["aud"] = aud;
    return world.identify(first().token(claims.dump()));
  };
  CHECK(identify("me", "x", "breakwater")->grant->repositories.front() == "ci/*");
  CHECK(identify("you", "main", "breakwater")->grant->repositories.front() == "yours/*");
  CHECK(identify("you", "x", "readers")->grant->may.has(Action::pull));
  CHECK(identify("me", "x", json::array({"readers", "breakwater"}))->grant->may.has(Action::push));
  CHECK_FALSE(identify("you", "x", "breakwater"));
  CHECK_FALSE(identify("they", "main", "breakwater"));
  CHECK(world.fetches() == 1);
}

TEST_CASE("a good token is checked once in a minute, and no longer than it lives") {
  OidcWorld world;
  const auto token = world.token(first());
  json short_lived = world.claims("repo:me/short");
  short_lived["exp"] = short_lived["iat"].get<int64_t>() + 30;
  const auto soon_over = first().token(short_lived.dump());
  CHECK_FALSE(world.is_known(token));
  REQUIRE(world.identify(token));
  REQUIRE(world.identify(soon_over));
  CHECK(world.is_known(token));
  CHECK(world.is_known(soon_over));
  world.clock.advance(seconds(30));
  CHECK(world.is_known(token));
  CHECK_FALSE(world.is_known(soon_over));
  world.clock.advance(seconds(30));
  CHECK_FALSE(world.is_known(token));
  CHECK(world.identify(token));
}

TEST_CASE("a bad token is not remembered as a good one") {
  OidcWorld world;
  const auto stranger = world.token(SigningKey::rsa("first"));
  CHECK_FALSE(world.identify(stranger));
  CHECK_FALSE(world.identify(stranger));
  CHECK_FALSE(world.is_known(stranger));
}

// Keeps the only worker from other jobs while it lives.
class HeldWorker {
 public:
  explicit HeldWorker(proxy::Workers& workers) {
    std::promise<void> begun;
    auto has_begun = begun.get_future();
    auto job = [until = released_.get_future().share(),
                started = std::make_shared<std::promise<void>>(std::move(begun))] {
      started->set_value();
      until.wait();
    };
    workers.submit(std::move(job));
    has_begun.wait();
  }
  ~HeldWorker() { released_.set_value(); }
  HeldWorker(const HeldWorker&) = delete;
  HeldWorker& operator=(const HeldWorker&) = delete;

 private:
  std::promise<void> released_;
};

// Tokens that are judged at the same time.
struct Crowd {
  explicit Crowd(OidcWorld& w) : world(w), tasks(w.loop) {}
  void ask(std::string token) { tasks.spawn(keep(std::move(token))); }
  proxy::Task<> keep(std::string token) {
    auto identity = co_await world.ask(std::move(token));
    answers.push_back(std::move(identity));
  }
  proxy::Task<> all() {
    while (tasks.size() > 0) co_await tasks.ended().wait();
  }
  size_t taken() const {
    size_t count = 0;
    for (const auto& answer : answers) count += answer ? 1U : 0U;
    return count;
  }
  OidcWorld& world;
  std::vector<Result<Identity>> answers;
  proxy::Tasks tasks;
};

TEST_CASE("signatures are checked by a worker, that of one token once for all who send it") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  Crowd crowd(world);
  {
    const HeldWorker held(world.workers);
    for (int i = 0; i < 5; ++i) crowd.ask(world.token(first(), "repo:me/other"));
    CHECK(world.workers.queued() == 1);
    crowd.ask(world.token(first(), "repo:me/third"));
    CHECK(world.workers.queued() == 2);
    CHECK(crowd.answers.empty());
  }
  run(world.loop, crowd.all());
  CHECK(crowd.taken() == 6);
}

TEST_CASE("who leaves while the token is checked leaves nothing behind, and others have the answer") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  const auto token = world.token(first(), "repo:me/other");
  {
    const HeldWorker held(world.workers);
    CHECK_FALSE(world.is_known(token));  // asked, and gone
  }
  CHECK(world.identify(token));
}

TEST_CASE("tokens that are checked at a time are bounded") {
  OidcWorld world;
  world.limits.checks_max = 2;
  REQUIRE(world.identify(world.token(first())));
  Crowd crowd(world);
  {
    const HeldWorker held(world.workers);
    for (const char* subject : {"a", "b", "c"}) crowd.ask(world.token(first(), subject));
    crowd.ask(world.token(first(), "a"));
  }
  run(world.loop, crowd.all());
  CHECK(crowd.taken() == 3);
  CHECK(crowd.answers.front().error().kind == Error::Kind::throttled);
}

TEST_CASE("an unknown key is fetched once a minute, however many tokens name one") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  world.clock.advance(seconds(60));
  world.ci.pace();  // the answer waits for all who ask
  Crowd crowd(world);
  for (int i = 0; i < 100; ++i)
    crowd.ask(world.token(SigningKey::ec("unknown" + std::to_string(i)), "repo:me/" + std::to_string(i)));
  CHECK(crowd.answers.empty());
  world.ci.let(1 << 20);
  run(world.loop, crowd.all());
  CHECK(crowd.answers.size() == 100);
  CHECK(crowd.taken() == 0);
  CHECK(crowd.answers.back().error().kind == Error::Kind::denied);
  CHECK(world.fetches() == 2);

  const auto unknown = world.token(SigningKey::ec("x"));
  CHECK(message_of(world.identify(unknown)) ==
        "the token of " + world.ci.authority() +
            ":repo:me/app is signed with ES256 by the key 'x', which its issuer does not list");
  world.clock.advance(seconds(59));
  CHECK_FALSE(world.identify(unknown));
  CHECK(world.fetches() == 2);
  world.clock.advance(seconds(1));
  CHECK_FALSE(world.identify(unknown));
  CHECK(world.fetches() == 3);
}

TEST_CASE("a new key of the issuer is fetched, and what it lists no more is gone at once") {
  OidcWorld world;
  const auto old = world.token(first());
  REQUIRE(world.identify(old));
  world.clock.advance(seconds(10));
  world.publish(jwks({second().jwk()}));
  CHECK_FALSE(world.identify(world.token(second())));  // asked a moment ago
  CHECK(world.is_known(old));
  world.clock.advance(seconds(49));
  const auto later = world.token(first(), "repo:me/later");
  REQUIRE(world.identify(later));
  world.clock.advance(seconds(1));
  CHECK(world.is_known(later));
  CHECK(world.identify(world.token(second())));
  CHECK_FALSE(world.is_known(later));
  const auto identity = world.identify(old);
  CHECK_FALSE(identity);
  CHECK(message_of(identity).find("the key 'first', which its issuer does not list") != std::string::npos);
  CHECK(world.fetches() == 2);
}

TEST_CASE("a token that was being checked when its key went is not remembered") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  world.publish(jwks({second().jwk()}));
  world.clock.advance(seconds(60));
  const auto late = world.token(first(), "repo:me/late");
  Crowd crowd(world);
  {
    const HeldWorker held(world.workers);
    crowd.ask(world.token(second()));
    run(world.loop, world.queued(1));  // the new keys are to be read,
    crowd.ask(late);
    CHECK(world.workers.queued() == 2);  // and then the signature by an old one is checked
  }
  run(world.loop, crowd.all());
  CHECK_FALSE(world.is_known(late));
  CHECK_FALSE(world.identify(late));
}

TEST_CASE("a key that has another value under the same id is another key") {
  OidcWorld world;
  const auto old = world.token(first());
  REQUIRE(world.identify(old));
  const auto other = SigningKey::rsa("first");
  world.publish(jwks({other.jwk()}));
  world.clock.advance(seconds(600));
  CHECK(world.identify(world.token(other)));
  CHECK_FALSE(world.identify(old));
}

TEST_CASE("keys are fetched again when they are old, and a key that is listed no more is gone then") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  world.publish(jwks({second().jwk()}));
  world.clock.advance(seconds(599));
  CHECK(world.identify(world.token(first())));
  CHECK(world.fetches() == 1);
  world.clock.advance(seconds(1));
  CHECK_FALSE(world.identify(world.token(first(), "repo:me/other")));
  CHECK(world.fetches() == 2);
}

TEST_CASE("an issuer that is down stops no token whose key is known") {
  OidcWorld world;
  REQUIRE(world.identify(world.token(first())));
  world.ci.shut();
  world.clock.advance(std::chrono::hours(24));
  CHECK(world.identify(world.token(first())));
  CHECK(world.identify(world.token(first(), "repo:me/other")));
  CHECK(world.log.count("warning oidc_keys_not_fetched issuer=" + world.ci.url()) == 1);

  const auto identity = world.identify(world.token(second()));
  REQUIRE_FALSE(identity);
  CHECK(identity.error().kind == Error::Kind::unavailable);
  CHECK(identity.error().retry_after_s == 60);
  CHECK(message_of(identity).starts_with("the keys of the issuer " + world.ci.url() + " cannot be had: "));

  world.ci.open();
  world.publish(jwks({second().jwk()}));
  world.clock.advance(seconds(60));
  CHECK(world.identify(world.token(second())));
}

TEST_CASE("an issuer that is silent keeps nobody longer than the deadline") {
  OidcWorld world;
  world.limits.keys.unknown_wait_ms = 1;
  world.limits.keys.refresh_wait_ms = 1;
  world.ci.next(kDiscovery, Fault::silent());
  const auto identity = world.identify(world.token(first()));
  REQUIRE_FALSE(identity);
  CHECK(identity.error().kind == Error::Kind::unavailable);
  CHECK(message_of(identity) == "the keys of the issuer " + world.ci.url() + " cannot be had in time");
  // The fetch goes on, and nobody begins another.
  CHECK_FALSE(world.identify(world.token(first())));
  run(world.loop, world.first_fetch());
  CHECK(world.fetches() == 1);

  world.limits.keys.unknown_wait_ms = 30'000;
  world.begin();
  REQUIRE(world.identify(world.token(first())));
  world.ci.next(kDiscovery, Fault::silent());
  world.clock.advance(seconds(600));
  CHECK(world.identify(world.token(first())));  // the key is known
}

TEST_CASE("who waits for keys may leave, and the fetch goes on for others") {
  OidcWorld world;
  world.ci.pace();
  CHECK_FALSE(world.is_known(world.token(first())));  // asked, and gone
  world.ci.let(1 << 20);
  CHECK(world.identify(world.token(first())));
  CHECK(world.fetches() == 1);
}

TEST_CASE("an answer that is not the issuer's keys is not taken, and said") {
  OidcWorld world;
  struct Row {
    const char* path;
    int status;
    std::string body, why;
  };
  const std::string long_text = R"({"a":")" + std::string(KeySet::kJsonBytesMax, 'a') + "\"}";
  const std::vector<Row> rows = {
      {kDiscovery, 404, "", kDiscovery + std::string(" answers 404")},
      {kDiscovery, 302, "", "answers 302"},
      {kDiscovery, 200, "<html>", "is no unambiguous JSON object"},
      {kDiscovery, 200, R"({"issuer":"https://evil.example","jwks_uri":"https://e/"})",
       "is of the issuer 'https://evil.example'"},
      {kDiscovery, 200, json{{"issuer", world.ci.url()}}.dump(), "has no jwks_uri"},
      {kDiscovery, 200, json{{"issuer", world.ci.url()}, {"jwks_uri", "file:///etc/passwd"}}.dump(),
       "jwks_uri is no URL"},
      {kDiscovery, 200, json{{"issuer", world.ci.url()}, {"jwks_uri", "/keys"}}.dump(), "jwks_uri is no URL"},
      {kDiscovery, 200, long_text, "longer than 32768 bytes"},
      {kKeys, 500, "", "/keys answers 500"},
      {kKeys, 200, "{}", "the JWKS is no JSON object with a list of keys"},
      {kKeys, 200, long_text, "longer than 262144 bytes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path, row.status, row.body.substr(0, 60));
    world.ci.next(row.path, Fault::reply(row.status, {}, row.body));
    world.begin();
    world.log.clear();
    const auto identity = world.identify(world.token(first()));
    REQUIRE_FALSE(identity);
    CHECK(identity.error().kind == Error::Kind::unavailable);
    CAPTURE(message_of(identity));
    CHECK(message_of(identity).find(row.why) != std::string::npos);
    CHECK(world.log.count(row.why) == 1);
    world.clock.advance(seconds(60));
    CHECK(world.identify(world.token(first())));
  }
}

TEST_CASE("neither the log nor an error has anything of a token but its names") {
  OidcWorld world;
  const auto good = world.token(first()), bad = world.token(SigningKey::rsa("first"));
  std::string said = message_of(world.identify(good)) + message_of(world.identify(bad));
  world.ci.shut();
  world.clock.advance(seconds(600));
  said += message_of(world.identify(world.token(second())));
  for (const auto& line : world.log.lines()) said += line;
  for (const auto& token : {good, bad})
    for (size_t from = 0; from + 12 <= token.size(); from += 6)
      CHECK(said.find(token.substr(from, 12)) == std::string::npos);
}

TEST_CASE("an issuer in TLS is trusted by its ca_file, and sends us to no address without TLS") {
  OidcWorld world;
  const test::TlsIdentity tls;
  test::FakeRegistry secure(world.loop, tls);
  world.entry.issuer = secure.url();
  const auto discovery = [&](const std::string& uri) {
    return Fault::reply(200, {}, json{{"issuer", secure.url()}, {"jwks_uri", uri}}.dump());
  };
  secure.always(kDiscovery, discovery(secure.url() + kKeys));
  secure.always(kKeys, Fault::reply(200, {}, jwks({first().jwk()})));
  CHECK(world.identify(world.token(first())).error().kind == Error::Kind::unavailable);

  world.entry.ca_file = tls.ca_file();
  world.begin();
  CHECK(world.identify(world.token(first())));

  secure.always(kDiscovery, discovery(world.ci.url() + kKeys));
  world.begin();
  const auto identity = world.identify(world.token(first()));
  CHECK(message_of(identity).find("its jwks_uri is not https: " + world.ci.url()) != std::string::npos);
  CHECK(world.ci.count() == 0);
}

// A file of keys that is gone with the object.
class KeysFile {
 public:
  KeysFile() { close(mkstemp(path_.data())); }
  ~KeysFile() { std::filesystem::remove(path_); }
  KeysFile(const KeysFile&) = delete;
  KeysFile& operator=(const KeysFile&) = delete;
  void write(const std::string& text) { std::ofstream(path_) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/breakwater-test-keys-XXXXXX";
};

TEST_CASE("keys may come from a file, which is read again for a key that is not known") {
  OidcWorld world;
  KeysFile file;
  file.write(jwks({first().jwk()}));
  world.entry.jwks_file = file.path();
  REQUIRE(world.identify(world.token(first())));
  file.write(jwks({second().jwk()}));
  CHECK_FALSE(world.identify(world.token(second())));
  world.clock.advance(seconds(60));
  CHECK(world.identify(world.token(second())));
  CHECK_FALSE(world.identify(world.token(first())));
  CHECK(world.ci.count() == 0);

  for (const std::string& path : {file.path() + ".not", std::string("/tmp"), std::string("/dev/zero")}) {
    CAPTURE(path);
    world.entry.jwks_file = path;
    world.begin();
    const auto identity = world.identify(world.token(first()));
    CHECK(message_of(identity).ends_with(" cannot be had: " + path + " cannot be read"));
  }
  file.write(std::string(KeySet::kJsonBytesMax + 1, ' '));
  world.entry.jwks_file = file.path();
  world.begin();
  CHECK(message_of(world.identify(world.token(first()))).ends_with("has more than 262144 bytes"));
}

TEST_CASE("entries that cannot mean what they say are refused in words") {
  const test::TlsIdentity tls;
  OidcEntry good;
  good.issuer = "https://ci.example";
  good.audience = "breakwater";
  good.ca_file = tls.ca_file();
  CHECK(check_oidc(std::vector{good, good}));
  CHECK(check_oidc(std::vector<OidcEntry>{}));
  const auto refusal = [&](auto change) {
    OidcEntry entry = good;
    change(entry);
    const auto checked = check_oidc(std::vector{good, entry});
    if (checked) return std::string();
    CHECK(checked.error().kind == Error::Kind::invalid);
    return checked.error().message;
  };
  CHECK(refusal([](OidcEntry& entry) { entry.issuer = "ci.example"; }).find("is no URL") !=
        std::string::npos);
  CHECK(refusal([](OidcEntry& entry) { entry.issuer = "https://other.example?x"; }).find("a query") !=
        std::string::npos);
  CHECK(refusal([](OidcEntry& entry) { entry.issuer = "http://other.example"; }).find("is not https") !=
        std::string::npos);
  for (const char* issuer :
       {"http://localhost:3000", "http://127.0.0.1", "http://[::1]:80", "https://other/x"})
    CHECK(refusal([issuer](OidcEntry& entry) { entry.issuer = issuer; }).empty());
  CHECK(refusal([](OidcEntry& entry) {
          entry.issuer = "http://other.example";
          entry.jwks_file = "/etc/keys";
        }).empty());
  CHECK(refusal([](OidcEntry& entry) { entry.audience = ""; }).find("needs an audience") !=
        std::string::npos);
  CHECK(refusal([](OidcEntry& entry) {
          entry.claims = {ClaimPattern{"ref", {}}};
        }).find("without name") != std::string::npos);
  CHECK(refusal([](OidcEntry& entry) {
          entry.claims = {ClaimPattern{"", {"*"}}};
        }).find("without name") != std::string::npos);
  CHECK(refusal([](OidcEntry& entry) { entry.issuer += "/"; }).find("are one by name") != std::string::npos);
  CHECK(refusal([](OidcEntry& entry) { entry.jwks_file = "/etc/keys"; }).find("two jwks_files") !=
        std::string::npos);
  CHECK(refusal([](OidcEntry& entry) { entry.ca_file = "/dev/null"; }).find("/dev/null") !=
        std::string::npos);
}

}  // namespace
}  // namespace breakwater::routes
