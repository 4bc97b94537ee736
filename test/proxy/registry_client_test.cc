#include "proxy/upstream/registry_client.h"

#include <memory>
#include <string>
#include <vector>

#include "proxy/upstream/registry_rules.h"
#include "test/catch.h"
#include "test/fakes/blackhole.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/host_patterns.h"
#include "test/fakes/run.h"
#include "test/fakes/tls_identity.h"
#include "test/fakes/upstream_world.h"

namespace breakwater::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::authorizations;
using test::Canned;
using test::FakeRegistry;
using test::Fault;
using test::host_patterns;
using test::kAlpine;
using test::kBasicMe;
using test::kImageType;
using test::me;
using test::run;
using test::status_of;
using Kind = Error::Kind;
using World = test::UpstreamWorld;

// For hosts that cannot be reached; the others may take the time that a busy machine needs.
HttpClientSettings impatient() {
  HttpClientSettings settings;
  settings.connect_timeout_ms = 300;
  return settings;
}

// ---- the five upstreams

TEST_CASE(
    "docker.io: the token host elsewhere gets the password, the registry the token, the CDN neither, and the "
    "log no signature") {
  World world(me());
  world.settings.token_realms = host_patterns({"127.0.0.2"});
  world.begin();
  world.auth.ask_for_password("me", "s3cret");
  world.registry.ask_for_token(world.auth, "registry.docker.io");
  world.registry.redirect_blobs_to(world.cdn);
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  world.registry.manifest(kAlpine, "3.20", kImageType, "{}");

  CHECK(world.get(path)->body == "layer");
  CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "3.20"))->body == "{}");
  CHECK(authorizations(world.auth) == std::vector<std::string>{kBasicMe});
  CHECK(world.auth.seen()[0].target ==
        "/token?service=registry.docker.io&scope=repository%3Alibrary%2Falpine%3Apull");
  CHECK(authorizations(world.registry) == std::vector<std::string>{"", "Bearer token-1", "Bearer token-1"});
  CHECK(authorizations(world.cdn) == std::vector<std::string>{""});
  CHECK(world.log.contains("/signed/sha256:"));
  for (const char* secret : {"secret", "s3cret", "Signature", "token-1", "bWU6"})
    CHECK_FALSE(world.log.contains(secret));
}

TEST_CASE("ghcr.io: its placeholder scope is ignored, and what has no token for us is denied") {
  World world;
  world.registry.ask_for_token(world.auth, "ghcr.io");
  world.registry.challenge_scope("repository:user/image:pull");
  world.registry.manifest(kAlpine, "3.20", kImageType, "{}");
  CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "3.20"))->head.status == 200);
  CHECK(world.auth.seen()[0].target.ends_with("scope=repository%3Alibrary%2Falpine%3Apull"));

  world.auth.next("/token", Fault::reply(403, {}, R"({"errors":[{"code":"DENIED"}]})"));
  auto missing = world.request("GET", "/v2/nobody/nothing/manifests/1");
  missing.scope = "repository:nobody/nothing:pull";
  CHECK(world.fetch(missing).error().kind == Kind::denied);
}

TEST_CASE("quay.io: a redirect with an HTML body is a redirect") {
  World world;
  world.registry.redirect_blobs_to(world.cdn, 302);
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  CHECK(world.get(path)->body == "layer");
}

TEST_CASE("registry.k8s.io: everything is elsewhere, and there a relative Location is followed") {
  World world;
  FakeRegistry regional(world.loop, "127.0.0.4");
  world.registry.redirect_all_to(regional);
  regional.answer("/v2/pause/blobs/sha256:1",
                  status_of(302, {{"Location", "/artifacts-downloads/x?sig=secret"}}));
  regional.answer("/artifacts-downloads/x", status_of(200, {}, "layer"));
  CHECK(world.get("/v2/pause/blobs/sha256:1")->body == "layer");
  CHECK(regional.seen()[1].target == "/artifacts-downloads/x?sig=secret");
  CHECK_FALSE(world.log.contains("secret"));
}

TEST_CASE(
    "reg.kyverno.io: another registry's challenge is answered for that registry, without our password") {
  World world(me());
  FakeRegistry ghcr(world.loop, "127.0.0.4");
  world.registry.redirect_all_to(ghcr);
  ghcr.ask_for_token(world.auth, "ghcr.io");
  ghcr.manifest(kAlpine, "1", kImageType, "{}");
  auto path = FakeRegistry::manifest_path(kAlpine, "1");
  CHECK(world.get(path)->head.status == 200);
  CHECK(world.get(path)->head.status == 200);
  CHECK(authorizations(world.registry) == std::vector<std::string>{"", ""});
  CHECK(authorizations(world.auth) == std::vector<std::string>{""});
  CHECK(authorizations(ghcr) == std::vector<std::string>{"", "Bearer token-1", "Bearer token-1"});
}

// ---- challenges

TEST_CASE("a realm that is not trusted is asked without our password") {
  World world(me());
  world.registry.ask_for_token(world.auth, "x");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "1")));
  CHECK(authorizations(world.auth) == std::vector<std::string>{""});
}

TEST_CASE("a Basic challenge gets the password once asked, and then with every request to that host alone") {
  World world(me());
  world.registry.ask_for_password("me", "s3cret");
  world.registry.redirect_blobs_to(world.cdn);
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  CHECK(world.get(path));
  CHECK(world.get(path));
  CHECK(authorizations(world.registry) == std::vector<std::string>{"", kBasicMe, kBasicMe});
  CHECK(authorizations(world.cdn) == std::vector<std::string>{"", ""});
}

TEST_CASE("a wrong password, or none, is denied after one more try and no more") {
  World wrong(Credentials{"me", "wrong"});
  wrong.registry.ask_for_password("me", "s3cret");
  CHECK(wrong.get("/v2/").error().kind == Kind::denied);
  CHECK(wrong.registry.count() == 2);

  World none;
  none.registry.ask_for_password("me", "s3cret");
  CHECK(none.get("/v2/").error().kind == Kind::denied);
  CHECK(none.registry.count() == 1);
}

Task<> count_answers(RegistryClient& client, RegistryClientRequest request, int& answers) {
  auto reply = co_await client.fetch(std::move(request), 100);
  if (reply && reply->head.status == 200) ++answers;
}

Task<> all_done(Tasks& tasks) {
  while (tasks.size() > 0) co_await tasks.ended().wait();
}

TEST_CASE("fifty requests at once need one token") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  Tasks tasks(world.loop);
  int answers = 0;
  for (int i = 0; i < 50; ++i)
    tasks.spawn(count_answers(*world.client, world.request("GET", FakeRegistry::manifest_path(kAlpine, "1")),
                              answers));
  run(world.loop, all_done(tasks));
  CHECK(answers == 50);
  CHECK(world.auth.count() == 1);
}

TEST_CASE("a token that is refused is replaced once; one that is old is not sent") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  auto path = FakeRegistry::manifest_path(kAlpine, "1");
  CHECK(world.get(path));
  world.registry.revoke_tokens();
  CHECK(world.get(path));
  CHECK(authorizations(world.registry) ==
        std::vector<std::string>{"", "Bearer token-1", "Bearer token-1", "Bearer token-2"});
  world.clock.advance(seconds(241));  // 80 % of 300 s and a bit
  CHECK(world.get(path));
  CHECK(authorizations(world.registry)[4] == "");
  CHECK(world.auth.count() == 3);
}

TEST_CASE("a registry that refuses its own token's bearer is denied") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.auth.always("/token", Fault::reply(200, {}, R"({"access_token":"useless"})"));
  CHECK(world.get("/v2/library/alpine/manifests/1").error().kind == Kind::denied);
  CHECK(world.registry.count() == 2);
}

TEST_CASE("a token endpoint that fails is told apart from one that refuses") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  auto path = "/v2/library/alpine/manifests/1";
  world.auth.next("/token", Fault::reply(401));
  CHECK(world.get(path).error().kind == Kind::denied);
  world.auth.next("/token", Fault::reply(500));
  CHECK(world.get(path).error().kind == Kind::unavailable);
  world.auth.next("/token", Fault::reply(200, {{"Content-Type", "text/html"}}, "<html>"));
  CHECK(world.get(path).error().kind == Kind::corrupt);
  world.auth.next("/token", Fault::reply(200, {}, "no json"));
  CHECK(world.get(path).error().kind == Kind::corrupt);
}

TEST_CASE(
    "a registry, a redirect's target or a token endpoint that breaks off inside the head is unavailable, and "
    "asked again") {
  const Fault broken = Fault::raw("HTTP/1.1 200 OK\r\nContent-Le");
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.redirect_blobs_to(world.cdn);
  auto digest = world.registry.blob(kAlpine, "layer");
  auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.auth.next("/token", broken);
  world.registry.next(path, broken);
  world.cdn.next(FakeRegistry::signed_path(digest), broken);
  for (int i = 0; i < 3; ++i) {
    auto reply = world.get(path);
    REQUIRE_FALSE(reply);
    CHECK(reply.error().kind == Kind::unavailable);
    world.clock.advance(seconds(60));
  }
  CHECK(world.get(path)->body == "layer");
}

TEST_CASE("a token endpoint that has moved is followed, with the password on its own host alone") {
  for (int status : {301, 302, 303, 307, 308}) {
    INFO(status);
    World world(me());
    world.settings.token_realms = host_patterns({"127.0.0.2"});
    world.begin();
    world.registry.ask_for_token(world.auth, "x");
    world.registry.manifest(kAlpine, "1", kImageType, "{}");
    world.auth.next("/token", Fault::reply(status, {{"Location", "/moved"}}));
    world.auth.answer("/moved", status_of(status, {{"Location", world.cdn.url() + "/moved"}}));
    world.cdn.answer(
        "/moved", status_of(status, {{"Location", world.auth.url() +
                                                      "/token?scope=repository%3Alibrary%2Falpine%3Apull"}}));
    CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "1")));
    CHECK(authorizations(world.auth) == std::vector<std::string>{kBasicMe, kBasicMe, ""});
    CHECK(authorizations(world.cdn) == std::vector<std::string>{""});
  }
}

TEST_CASE("a token endpoint that sends us round in circles, or nowhere, is corrupt") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.auth.always("/token", Fault::reply(307, {{"Location", "/token"}}));
  CHECK(world.get("/v2/library/alpine/manifests/1").error().kind == Kind::corrupt);
  CHECK(world.auth.count() == 6);
  world.auth.always("/token", Fault::reply(307));
  CHECK(world.get("/v2/library/alpine/manifests/1").error().kind == Kind::corrupt);
}

// ---- what answers mean

TEST_CASE("answers become errors by what the caller can do about them") {
  World world;
  struct Case {
    int status;
    std::optional<Kind> kind;
  };
  for (const Case& c : {Case{200, {}}, Case{206, {}}, Case{304, {}}, Case{416, {}},
                        Case{404, Kind::not_found}, Case{410, Kind::not_found}, Case{401, Kind::denied},
                        Case{403, Kind::denied}, Case{400, Kind::invalid}, Case{405, Kind::corrupt},
                        Case{204, Kind::corrupt}, Case{408, Kind::unavailable}, Case{500, Kind::unavailable},
                        Case{503, Kind::unavailable}, Case{501, Kind::corrupt}}) {
    INFO(c.status);
    world.registry.answer("/v2/x/manifests/1", status_of(c.status));
    auto reply = world.get("/v2/x/manifests/1");
    CHECK(reply.has_value() == !c.kind);
    if (!reply) CHECK(reply.error().kind == *c.kind);
    if (!reply)
      CHECK(reply.error().message.find("/v2/x/manifests/1: " + std::to_string(c.status)) !=
            std::string::npos);
  }
}

TEST_CASE("a web page is corrupt, unless it was asked for") {
  World world;
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  world.registry.always(path, Fault::html());
  CHECK(world.get(path).error().kind == Kind::corrupt);
  auto asked = world.request("GET", path);
  asked.headers.set("Accept", "text/html");
  CHECK(world.fetch(asked));
}

TEST_CASE("redirects without target, without end or to another protocol are corrupt") {
  World world;
  world.registry.answer("/v2/none", status_of(307));
  world.registry.answer("/v2/loop", status_of(307, {{"Location", "/v2/loop"}}));
  world.registry.answer("/v2/ftp", status_of(307, {{"Location", "ftp://127.0.0.1/x"}}));
  world.registry.answer("/v2/user", status_of(307, {{"Location", "http://me:pw@127.0.0.1/x"}}));
  for (const char* path : {"/v2/none", "/v2/loop", "/v2/ftp", "/v2/user"}) {
    INFO(path);
    CHECK(world.get(path).error().kind == Kind::corrupt);
  }
  CHECK(world.registry.count("GET", "/v2/loop") == 6);
}

TEST_CASE("an https registry leads neither to http storage nor to an http realm, and is followed to https") {
  test::TlsIdentity identity;
  World world(me());
  HttpClientSettings trusting;
  trusting.ca_file = identity.ca_file();
  HttpClient http_client(world.loop, trusting);
  FakeRegistry registry(world.loop, identity);
  FakeRegistry cdn(world.loop, identity, "127.0.0.2");
  world.settings.upstream = registry.endpoint();
  RegistryClient client(world.loop, http_client, world.clock, world.log, world.settings);
  auto path = FakeRegistry::blob_path(kAlpine, registry.blob(kAlpine, "layer"));

  registry.redirect_blobs_to(world.cdn);
  CHECK(run(world.loop, client.fetch(world.request("GET", path), 100)).error().kind == Kind::corrupt);
  registry.redirect_blobs_to(cdn);
  CHECK(run(world.loop, client.fetch(world.request("GET", path), 100))->body == "layer");
  registry.ask_for_token(world.auth, "x");
  CHECK(run(world.loop, client.fetch(world.request("GET", path), 100)).error().kind == Kind::corrupt);
  CHECK(world.cdn.count() + world.auth.count() == 0);
}

TEST_CASE(
    "for a HEAD a redirect to storage can be the answer, a redirect to another registry is asked there") {
  World world;
  world.registry.redirect_blobs_to(world.cdn);
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  auto head = world.request("HEAD", path);
  head.redirect_is_answer = true;
  CHECK(world.fetch(head)->head.status == 307);
  CHECK(world.cdn.count() == 0);

  World kyverno;
  FakeRegistry ghcr(kyverno.loop, "127.0.0.4");
  kyverno.registry.redirect_all_to(ghcr);
  CHECK(kyverno.fetch(head).error().kind == Kind::not_found);
  CHECK(ghcr.count("HEAD", path) == 1);
}

TEST_CASE("a CDN that refuses its signed URL makes the next attempt ask the registry for another") {
  World world;
  world.registry.redirect_blobs_to(world.cdn);
  auto digest = world.registry.blob(kAlpine, "layer");
  auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.cdn.next(FakeRegistry::signed_path(digest), Fault::reply(403));
  CHECK(world.get(path).error().kind == Kind::unavailable);
  CHECK(world.get(path)->body == "layer");
  CHECK(world.cdn.signed_urls() == 2);
}

// ---- downloads

class FollowingSink final : public Sink {
 public:
  explicit FollowingSink(Loop& loop) : changed(loop) {}
  Result<> head(const Head& head) override {
    statuses.push_back(head.status);
    return {};
  }
  Result<bool> body(std::span<const char> data) override {
    if (bytes.size() + data.size() > room) {
      paused = true;
      changed.ring();
      return false;
    }
    bytes.append(data.data(), data.size());
    return true;
  }
  size_t room = SIZE_MAX;
  bool paused = false;
  std::vector<int> statuses;
  std::string bytes;
  Signal changed;
};

Task<> make_room(FollowingSink& sink) {
  while (!sink.paused) co_await sink.changed.wait();
  sink.room = SIZE_MAX;
  sink.resume();
}

TEST_CASE(
    "a download's sink sees neither challenges nor redirects, may pause, and gets a range if one is asked "
    "for") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.redirect_blobs_to(world.cdn);
  std::string bytes(2 << 20, 'b');
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, bytes));
  FollowingSink sink(world.loop);
  sink.room = 100'000;
  auto room = make_room(sink);
  room.start();
  auto head = run(world.loop, world.client->download(world.request("GET", path), sink));
  REQUIRE(head);
  CHECK(sink.statuses == std::vector<int>{200});
  CHECK(sink.bytes == bytes);
  uint64_t fetched = world.client->stats().fetched_bytes;
  CHECK(fetched >= bytes.size());

  FollowingSink rest(world.loop);
  auto request = world.request("GET", path);
  request.headers.add("Range", "bytes=2097150-");
  CHECK(run(world.loop, world.client->download(std::move(request), rest))->status == 206);
  CHECK(rest.bytes == "bb");
  CHECK(world.client->stats().fetched_bytes == fetched + 2);
}

TEST_CASE("a download that breaks is an error, and the sink has what came before") {
  World world;
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, std::string(100'000, 'b')));
  world.registry.next(path, Fault::cut(30'000));
  FollowingSink sink(world.loop);
  CHECK(run(world.loop, world.client->download(world.request("GET", path), sink)).error().kind ==
        Kind::unavailable);
  CHECK(sink.bytes.size() == 30'000);
  CHECK_FALSE(world.client->stats().unwell);  // it answered
  CHECK(world.get(path));
}

Task<> until_count(FakeRegistry& registry, size_t count) {
  while (registry.count() < count) co_await registry.changed().wait();
}

TEST_CASE("destroying the Task of a download at any moment leaves the RegistryClient usable") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  world.registry.always(path, Fault::silent());
  for (size_t count = 1; count <= 3; ++count) {
    FollowingSink sink(world.loop);
    auto download = world.client->download(world.request("GET", path), sink);
    download.start();
    run(world.loop, until_count(world.registry, count));
  }
  world.registry.heal();
  CHECK(world.get(path)->body == "layer");
}

// ---- manners

TEST_CASE("after a 429 in any form nothing goes upstream until its time is over") {
  struct Case {
    Headers headers;
    std::string body;
    int64_t wait_s;
  };
  const Case cases[] = {
      {{{"Retry-After", "30"}, {"Content-Type", "application/json"}},
       R"({"errors":[{"code":"TOOMANYREQUESTS"}]})",
       30},
      {{{"Retry-After", "Tue, 14 Nov 2023 22:14:20 GMT"}, {"Content-Type", "text/html"}},
       "<html>Too Many Requests (HAP429)</html>",
       60},
      {{{"Retry-After", "1700000040"}}, "", 40},
      {{{"Content-Type", "text/plain"}}, "toomanyrequests: retry-after: 1.16676ms, allowed: 44000/minute", 1},
      {{}, "Too Many Requests", 5},
      {{{"Retry-After", "86400"}}, "", 900},
  };
  for (const Case& c : cases) {
    INFO(c.body);
    World world;
    world.registry.manifest(kAlpine, "1", kImageType, "{}");
    auto path = FakeRegistry::manifest_path(kAlpine, "1");
    world.registry.next(path, Fault::reply(429, c.headers, c.body));
    auto first = world.get(path);
    CHECK(first.error().kind == Kind::throttled);
    CHECK(first.error().retry_after_s == c.wait_s);
    CHECK(world.client->stats().throttled_until == world.clock.now() + seconds(c.wait_s));
    for (int i = 0; i < 10; ++i) {
      auto refused = world.get("/v2/other/manifests/1");
      CHECK(refused.error().kind == Kind::throttled);
      CHECK(refused.error().retry_after_s == c.wait_s);
    }
    CHECK(world.registry.count() == 1);
    world.clock.advance(seconds(c.wait_s));
    CHECK(world.get(path));
    CHECK(world.log.count("upstream_throttles") == 1);
  }
}

TEST_CASE(
    "a 429 of the token endpoint refuses what needs a new token, a 429 of the CDN nothing of the registry") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.redirect_blobs_to(world.cdn);
  auto digest = world.registry.blob(kAlpine, "layer");
  auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.cdn.next(FakeRegistry::signed_path(digest), Fault::reply(429));
  CHECK(world.get(path).error().kind == Kind::throttled);
  CHECK(world.get("/v2/").has_value());
  CHECK(world.client->stats().throttled_until <= world.clock.now());

  auto other = world.request("GET", "/v2/other/manifests/1");
  other.scope = "repository:other:pull";
  world.auth.next("/token", Fault::reply(429, {{"Retry-After", "20"}}));
  CHECK(world.fetch(other).error().kind == Kind::throttled);
  CHECK(world.client->stats().throttled_until == world.clock.now() + seconds(20));
  size_t before = world.registry.count();
  for (int i = 0; i < 10; ++i) CHECK(world.fetch(other).error().kind == Kind::throttled);
  CHECK(world.registry.count() == before);
  CHECK(world.get("/v2/"));  // its token is good
  CHECK(world.client->stats().refusals.throttled == 2);
  world.clock.advance(seconds(20));
  CHECK(world.fetch(other).error().kind == Kind::not_found);
}

TEST_CASE("a 429 on lists or on a GET of manifests leaves manifests, their HEAD and blobs alone") {
  World world;
  auto blob = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "layer"));
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  auto manifest = FakeRegistry::manifest_path(kAlpine, "1");
  const std::string list = "/v2/library/alpine/tags/list";
  world.registry.answer(list, status_of(429, {{"Retry-After", "60"}}));
  for (int i = 0; i < 10; ++i) CHECK(world.get(list).error().kind == Kind::throttled);
  CHECK(world.registry.count() == 1);
  CHECK(world.get(manifest));
  world.registry.next(manifest, Fault::reply(429, {{"Retry-After", "60"}}));
  for (int i = 0; i < 10; ++i) CHECK(world.get(manifest).error().kind == Kind::throttled);
  CHECK(world.registry.count() == 3);
  CHECK(world.fetch(world.request("HEAD", manifest)));
  CHECK(world.get(blob));
  CHECK(world.client->stats().throttled_until == world.clock.now() + seconds(60));
}

TEST_CASE(
    "an upstream that was throttled or failing is told to be well once, when it answers and may be asked "
    "all") {
  World world;
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  const auto manifest = FakeRegistry::manifest_path(kAlpine, "1");
  world.registry.next(manifest, Fault::reply(429, {{"Retry-After", "60"}}));
  CHECK(world.get(manifest).error().kind == Kind::throttled);
  CHECK(world.fetch(world.request("HEAD", manifest)));
  CHECK_FALSE(world.log.contains("upstream_answers_again"));
  world.clock.advance(seconds(60));
  world.registry.next(manifest, Fault::reply(429, {{"Retry-After", "60"}}));
  CHECK(world.get(manifest).error().kind == Kind::throttled);
  CHECK_FALSE(world.log.contains("upstream_answers_again"));
  world.clock.advance(seconds(60));
  for (int i = 0; i < 3; ++i) CHECK(world.get(manifest));
  CHECK(world.log.count("upstream_answers_again") == 1);
  const auto broken = FakeRegistry::manifest_path("broken", "1");
  world.registry.answer(broken, status_of(503, {}));
  for (int i = 0; i < 20; ++i) CHECK(world.get(broken).error().kind == Kind::unavailable);
  CHECK(world.log.count("upstream_fails") == 1);
  CHECK(world.log.count("upstream_answers_again") == 1);
  world.clock.advance(seconds(600));
  for (int i = 0; i < 3; ++i) CHECK(world.get(manifest));
  CHECK(world.log.count("upstream_answers_again") == 2);
}

TEST_CASE("a repository that always fails, or hangs up, costs no other one an answer") {
  for (const Fault& fault : {Fault::reply(500), Fault::raw("HTTP/1.1 200 OK\r\n")}) {
    World world;
    const std::string broken = FakeRegistry::manifest_path("broken", "1");
    world.registry.manifest(kAlpine, "1", kImageType, "{}");
    world.registry.always(broken, fault);
    for (int i = 0; i < 12; ++i) CHECK(world.get(broken).error().kind == Kind::unavailable);
    CHECK(world.registry.count() <= 5);
    CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "1")));
  }
}

TEST_CASE(
    "a registry that is down is asked by one probe after each of a growing number of silences, and is "
    "welcome back") {
  World world;
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  auto path = FakeRegistry::manifest_path(kAlpine, "1");
  world.registry.shut();
  for (int i = 0; i < 2; ++i) CHECK(world.get(path).error().kind == Kind::unavailable);
  CHECK(world.client->stats().unwell);
  world.registry.open();
  for (int i = 0; i < 20; ++i) {
    auto refused = world.get(path);
    CHECK(refused.error().kind == Kind::unavailable);
    CHECK(refused.error().retry_after_s == 1);
  }
  CHECK(world.registry.count() == 0);
  world.clock.advance(milliseconds(500));
  CHECK(world.get(path));
  CHECK(world.get(path));
  CHECK_FALSE(world.client->stats().unwell);
  CHECK(world.log.count("upstream_broke_off") == 1);
  CHECK(world.log.count("upstream_unreachable") == 1);
  CHECK(world.log.count("upstream_answers_again") == 1);
}

TEST_CASE("one connection that breaks off keeps nobody from asking again") {
  World world;
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  auto path = FakeRegistry::manifest_path(kAlpine, "1");
  for (int i = 0; i < 3; ++i) {
    // Libcurl itself asks again when it has seen nothing.
    world.registry.next(path, Fault::raw("HTTP/1.1 200 OK\r\n"));
    CHECK(world.get(path).error().kind == Kind::unavailable);
    CHECK(world.get(path));
  }
  CHECK_FALSE(world.log.contains("upstream_unreachable"));
}

TEST_CASE("5xx answers in a row silence the registry too") {
  World world;
  world.registry.answer("/v2/x", status_of(503, {{"Retry-After", "3"}}));
  for (int i = 0; i < 20; ++i) CHECK(world.get("/v2/x").error().kind == Kind::unavailable);
  CHECK(world.registry.count() == 5);
  world.clock.advance(milliseconds(500));
  auto probe = world.get("/v2/x");
  CHECK(probe.error().retry_after_s == 3);
  CHECK(world.log.count("upstream_fails") == 1);
  CHECK(world.registry.count() == 6);
}

TEST_CASE("names without address and TLS failures are unavailable and start no storm") {
  World world(std::nullopt, impatient());
  for (const std::string& url :
       {std::string("http://registry.invalid"), "https://" + world.registry.authority()}) {
    world.settings.upstream = Endpoint::parse(url).value();
    world.begin();
    for (int i = 0; i < 20; ++i) CHECK(world.get("/v2/").error().kind == Kind::unavailable);
    CHECK(world.client->stats().failures.total() == 2);
    CHECK(world.client->stats().requests_total == 2);
  }
}

TEST_CASE("what upstream fails with is counted by its kind, once a request") {
  World world;
  world.registry.manifest(kAlpine, "1", kImageType, std::string(1000, 'x'));
  const auto path = FakeRegistry::manifest_path(kAlpine, "1");
  const std::pair<Fault, UpstreamFailure> failures[] = {
      {Fault::reply(503, {}, "down"), UpstreamFailure::server_error},
      {Fault::reply(429, {{"Retry-After", "1"}}), UpstreamFailure::throttled},
      {Fault::hang_up(), UpstreamFailure::broken_off},
      {Fault::cut(10), UpstreamFailure::broken_off},
      {Fault::raw("SSH-2.0-OpenSSH_9.2\r\n"), UpstreamFailure::malformed},
      {Fault::raw("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n"),
       UpstreamFailure::malformed}};
  for (const auto& [fault, kind] : failures) {
    CAPTURE(kUpstreamFailureNames[static_cast<size_t>(kind)]);
    world.begin();
    world.registry.heal();
    world.registry.always(path, fault);
    CHECK_FALSE(world.get(path));
    const auto& stats = world.client->stats();
    CHECK(stats.failures.of(kind) >= 1);
    CHECK(stats.failures.total() == stats.failures.of(kind));
    CHECK(stats.failures.total() <= stats.requests_total);
  }
  // What upstream answers as it should is none, though it is a refusal.
  world.begin();
  world.registry.heal();
  CHECK_FALSE(world.get("/v2/library/nothing/manifests/1"));
  CHECK(world.client->stats().failures.total() == 0);
  // Its server speaks no TLS.
  const auto plain = world.settings.upstream;
  world.settings.upstream = Endpoint::parse("https://" + world.registry.authority()).value();
  world.begin();
  CHECK_FALSE(world.get(path));
  CHECK(world.client->stats().failures.of(UpstreamFailure::tls) == world.client->stats().failures.total());
  CHECK(world.client->stats().failures.total() >= 1);
  world.settings.upstream = plain;
  world.registry.shut();
  world.begin();
  CHECK_FALSE(world.get(path));
  CHECK(world.client->stats().failures.of(UpstreamFailure::connect) ==
        world.client->stats().failures.total());
  CHECK(world.client->stats().failures.total() >= 1);
}

TEST_CASE(
    "who is refused while a host is left alone is told what failed there, and not what others asked for") {
  World world(std::nullopt, impatient());
  world.settings.upstream = Endpoint::parse("http://registry.invalid").value();
  world.begin();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.get("/v2/team/secret/manifests/1"));
  const auto said = world.get("/v2/library/alpine/manifests/1").error().message;
  CAPTURE(said);
  CHECK(said.starts_with("http://registry.invalid does not answer (Could not resolve host"));
  CHECK(said.find("secret") == std::string::npos);

  World failing;
  failing.registry.answer("/v2/x", status_of(502, {}));
  for (int i = 0; i < 6; ++i) CHECK_FALSE(failing.get("/v2/x"));
  CHECK(failing.get("/v2/x").error().message.ends_with(" does not answer (502 Bad Gateway)"));
}

TEST_CASE("a caller's own short patience with a registry that answers slowly is no failure of the registry") {
  World world;
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  auto path = FakeRegistry::manifest_path(kAlpine, "1");
  CHECK(world.get(path));  // there is a connection now
  world.registry.next(path, Fault::silent());
  auto hasty = world.request("HEAD", path);
  hasty.timeout_ms = 30;
  CHECK(world.fetch(hasty).error().kind == Kind::unavailable);
  CHECK(world.get(path));
}

TEST_CASE("a registry that swallows SYNs costs one caller's patience, and nobody else's") {
  World world;
  test::Blackhole blackhole;
  world.settings.upstream = Endpoint::parse(blackhole.url()).value();
  world.begin();
  auto hasty = world.request("HEAD", "/v2/library/alpine/manifests/1");
  hasty.timeout_ms = 30;
  CHECK(world.fetch(hasty).error().kind == Kind::unavailable);
  for (int i = 0; i < 20; ++i) CHECK(world.fetch(hasty).error().kind == Kind::unavailable);
  CHECK(world.client->stats().requests_total == 1);
}

TEST_CASE("the rate limit that is left is remembered, and latency is observed") {
  World world;
  int observed = 0;
  world.client->observe_latency([&](double took_seconds) { observed += took_seconds >= 0 ? 1 : 100; });
  world.registry.answer(
      "/v2/x", status_of(200, {{"ratelimit-limit", "100;w=21600"}, {"ratelimit-remaining", "76;w=21600"}}));
  CHECK_FALSE(world.client->stats().ratelimit_remaining);
  CHECK(world.get("/v2/x"));
  CHECK(world.client->stats().ratelimit_remaining == 76);
  CHECK(world.client->stats().ratelimit_limit == 100);
  CHECK(world.client->stats().ratelimit_window_s == 21600);
  CHECK(world.client->stats().latency.size() == 1);
  CHECK(world.client->stats().last_answered_at != store::Time());
  CHECK(observed == 1);
}

// ---- the rules

bool leads(const TargetPolicy& targets, const std::string& url) {
  return targets.check(Url::parse(url).value()).has_value();
}

// A registry at this URL that has answered from this address.
TargetPolicy targets_of(const char* url, const char* address) {
  TargetPolicy targets;
  targets.registry = Endpoint::parse(url).value();
  targets.registry_address = IpAddress::parse(address);
  return targets;
}

TEST_CASE("a public registry may lead neither into private networks nor from https to http") {
  auto targets = targets_of("https://registry-1.docker.io", "44.208.254.194");
  CHECK(leads(targets, "https://cdn.example.com/x"));
  CHECK(leads(targets, "https://104.16.97.215/x"));
  CHECK_FALSE(leads(targets, "http://cdn.example.com/x"));
  for (const char* url :
       {"https://127.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://10.1.1.1/",
        "https://[::1]/", "https://[::10.1.1.1]/", "https://[64:ff9b::a01:101]/", "https://localhost/",
        "https://a.localhost/", "https://2130706433/", "https://0x7f.1/"}) {
    INFO(url);
    CHECK_FALSE(leads(targets, url));
  }
  targets.allow_private = host_patterns({"10.1.1.1:8443"});
  CHECK_FALSE(leads(targets, "https://10.1.1.1/"));
  CHECK(leads(targets, "https://10.1.1.1:8443/"));
  targets.registry.scheme = "http";
  CHECK(leads(targets, "http://cdn.example.com/x"));
}

TEST_CASE("a registry in a private network may lead to its own network and to what is named, no further") {
  struct Row {
    const char* registry;
    const char* address;
    const char* target;
    bool allowed;
  };
  const auto row = GENERATE(values<Row>({
      {"http://10.1.1.5:5000", "10.1.1.5", "http://10.1.1.9:9000/", true},
      {"http://10.1.1.5:5000", "10.1.1.5", "http://10.1.1.5:9000/", true},
      {"http://registry.lan", "10.1.1.5", "http://10.1.1.9/", true},
      {"http://registry.lan", "10.1.1.5", "http://10.1.2.9/", false},
      {"http://registry.lan", "10.1.1.5", "http://192.168.1.9/", false},
      {"http://registry.lan", "10.1.1.5", "http://127.0.0.1/", false},
      {"http://registry.lan", "10.1.1.5", "http://169.254.169.254/", false},
      {"http://registry.lan", "fd00:1::5", "http://[fd00:1::9]/", true},
      {"http://registry.lan", "fd00:1::5", "http://[fd00:2::9]/", false},
      {"http://registry.lan", "fd00:ec2::5", "http://[fd00:ec2::254]/", false},
      {"http://registry.lan", "100.100.100.5", "http://100.100.100.200/", false},
      {"http://registry.lan", "100.100.100.5", "http://100.100.100.6/", true},
      {"http://registry.lan", "169.254.1.5", "http://169.254.1.6/", false},
      {"http://127.0.0.1:5000", "127.0.0.1", "http://127.0.0.1:5000/", true},
      {"http://127.0.0.1:5000", "127.0.0.1", "http://127.0.0.1:5001/", false},
      {"http://localhost:5000", "127.0.0.1", "http://localhost:5001/", false},
      {"http://localhost:5000", "127.0.0.1", "http://127.0.0.2:5000/", false},
      {"http://127.0.0.1:5000", "127.0.0.1", "http://10.1.1.9/", false},
  }));
  INFO(row.registry << " leads to " << row.target);
  CHECK(leads(targets_of(row.registry, row.address), row.target) == row.allowed);
}

TEST_CASE("loopback, link-local and metadata addresses are allowed one by one, and by no network") {
  struct Row {
    const char* allowed;
    const char* target;
    bool leads;
  };
  const auto row = GENERATE(values<Row>({
      {"127.0.0.0/8", "http://127.0.0.1:9000/", false},
      {"0.0.0.0/0", "http://169.254.169.254/", false},
      {"fd00::/8", "http://[fd00:ec2::254]/", false},
      {"127.0.0.1", "http://127.0.0.1:9000/", true},
      {"127.0.0.1:9000", "http://127.0.0.1:9000/", true},
      {"127.0.0.1:9000", "http://127.0.0.1:9001/", false},
      {"127.0.0.1", "http://[::127.0.0.1]/", false},
      {"localhost:9000", "http://localhost:9000/", true},
      {"localhost", "http://localhost:9000/", true},
      {"169.254.169.254", "http://169.254.169.254/", true},
      {"10.0.0.0/8", "http://10.7.7.7/", true},
      {"64:ff9b:1::/48", "http://[64:ff9b:1:5::a]/", true},
  }));
  INFO(row.allowed << " and " << row.target);
  auto targets = targets_of("http://registry.example", "93.184.216.34");
  targets.allow_private = host_patterns({row.allowed});
  CHECK(leads(targets, row.target) == row.leads);
}

TEST_CASE("a name is judged by the address that it resolves to, when it is connected to") {
  const Endpoint cdn{"https", "cdn.example", 443};
  const auto private_one = *IpAddress::parse("10.9.9.9"), loopback = *IpAddress::parse("127.0.0.1");
  auto targets = targets_of("https://registry.example", "93.184.216.34");
  CHECK(leads(targets, "https://cdn.example/"));
  CHECK(targets.may_connect(cdn, *IpAddress::parse("93.184.216.35")));
  CHECK_FALSE(targets.may_connect(cdn, private_one));
  CHECK(targets.may_connect(targets.registry, private_one));
  CHECK(targets.may_connect(targets.registry, loopback));

  targets.allow_private = host_patterns({"cdn.example"});
  CHECK(targets.may_connect(cdn, private_one));
  CHECK_FALSE(targets.may_connect(cdn, loopback));
  targets.allow_private = host_patterns({"10.0.0.0/8"});
  CHECK(targets.may_connect(cdn, private_one));
  targets.allow_private = host_patterns({"cdn.example:443"});
  CHECK(targets.may_connect(cdn, loopback));

  // A registry that a client named, and no operator.
  targets.registry_may_be_private = false;
  CHECK_FALSE(targets.may_connect(targets.registry, private_one));
  CHECK_FALSE(targets.may_connect(targets.registry, loopback));
  CHECK(targets.may_connect(targets.registry, *IpAddress::parse("93.184.216.35")));
}

TEST_CASE(
    "a registry on loopback is served, and its redirect to another port there is refused, by any name") {
  World world;
  world.settings.allow_private.clear();
  world.begin();
  const auto port = world.cdn.authority().substr(world.cdn.authority().find(':'));
  world.registry.answer("/v2/ok", status_of(200, {}, "ok"));
  world.registry.answer("/v2/address", status_of(307, {{"Location", world.cdn.url() + "/x"}}));
  world.registry.answer("/v2/name", status_of(307, {{"Location", "http://localhost" + port + "/x"}}));
  world.registry.answer("/v2/number", status_of(307, {{"Location", "http://2130706435" + port + "/x"}}));
  world.cdn.answer("/x", status_of(200, {}, "secret"));
  CHECK(world.get("/v2/ok")->body == "ok");
  for (const char* path : {"/v2/address", "/v2/name", "/v2/number"}) {
    INFO(path);
    CHECK(world.get(path).error().kind == Kind::corrupt);
    CHECK(world.get(path).error().message.find("127.0.0.3") == std::string::npos);
  }
  CHECK(world.log.count("allow_private") == 6);
  CHECK(world.cdn.count() == 0);
}

TEST_CASE("our password may go to realms of the same owner and to those that are listed") {
  struct Row {
    const char* registry;
    const char* realm;
    const char* listed;
    bool trusted;
  };
  const auto row = GENERATE(values<Row>({
      {"https://registry-1.docker.io", "https://auth.docker.io", "x", true},
      {"https://registry-1.docker.io", "https://registry-1.docker.io", "x", true},
      {"https://registry-1.docker.io", "http://auth.docker.io", "auth.docker.io", false},
      {"https://registry-1.docker.io", "https://docker.io.evil.example", "x", false},
      {"https://reg.kyverno.io", "https://ghcr.io", "x", false},
      {"https://reg.kyverno.io", "https://ghcr.io", "ghcr.io", true},
      {"https://me.github.io", "https://you.github.io", "x", false},
      {"https://registry.example.com", "https://auth.example.com:8443", "x", false},
      {"https://registry.example.com", "https://auth.example.com:8443", "auth.example.com", true},
      {"https://registry.example.com:8443", "https://auth.example.com:8443", "x", true},
      {"https://registry.example.com:5050", "https://auth.example.com", "x", true},
      {"https://git.example.com:5050", "https://git.example.com", "x", false},
      {"https://git.example.com:5050", "https://git.example.com", "git.example.com", false},
      {"https://git.example.com:5050", "https://git.example.com", "*.example.com", false},
      {"https://git.example.com:5050", "https://git.example.com", "git.example.com:443", true},
      {"http://10.0.0.1:5000", "http://10.0.0.1:5000", "x", true},
      {"http://10.0.0.1:5000", "http://10.0.0.1:5001", "x", false},
      {"http://10.0.0.1:5000", "http://10.0.0.1:5001", "10.0.0.1:5001", true},
      {"http://10.0.0.1:5000", "http://11.0.0.1:5000", "x", false},
  }));
  INFO(row.registry << " names " << row.realm);
  CHECK(is_trusted_realm(Endpoint::parse(row.registry).value(), Endpoint::parse(row.realm).value(),
                         host_patterns({row.listed})) == row.trusted);
}

TEST_CASE("the scope asked for first is ours at our registry, and the challenge's elsewhere if it is one") {
  using Scopes = std::vector<std::string>;
  CHECK(scopes_to_ask(true, "ours", "theirs") == Scopes{"ours", "theirs"});
  CHECK(scopes_to_ask(true, "ours", "ours") == Scopes{"ours"});
  CHECK(scopes_to_ask(true, "", "theirs") == Scopes{"theirs"});
  CHECK(scopes_to_ask(false, "ours", "theirs") == Scopes{"theirs", "ours"});
  CHECK(scopes_to_ask(false, "ours", "") == Scopes{"ours"});
  CHECK(scopes_to_ask(false, "ours", "repository:user/image:pull") == Scopes{"ours"});
  CHECK(scopes_to_ask(true, "", "repository:user/image:pull") == Scopes{""});
}

TEST_CASE("a registry is told what a question came through, storage is not, and its answers tell who it is") {
  World world;
  world.settings.hop_name = "breakwater-aaaaaaaaaaaaaaaa";
  world.begin();
  world.registry.redirect_blobs_to(world.cdn);
  const auto path = FakeRegistry::blob_path(kAlpine, world.registry.blob(kAlpine, "bytes"));
  CHECK_FALSE(world.client->peer());
  auto asked = world.request("GET", path);
  asked.hops = Hops::of({{"Via", "1.1 breakwater-bbbbbbbbbbbbbbbb"}});
  REQUIRE(world.fetch(asked));
  CHECK(world.registry.seen().back().headers.all("Via") ==
        "1.1 breakwater-bbbbbbbbbbbbbbbb, 1.1 breakwater-aaaaaaaaaaaaaaaa");
  CHECK(world.cdn.seen().back().headers.find("Via") == nullptr);
  CHECK(world.client->peer() == "");

  const std::string peer = "breakwater-cccccccccccccccc";
  const auto tag = FakeRegistry::manifest_path(kAlpine, "1");
  world.registry.answer(tag, test::Canned{404, {{"Via", "1.1 " + peer}}, ""});
  CHECK_FALSE(world.get(tag));
  CHECK(world.client->peer() == peer);
}

TEST_CASE("a password is sent as RFC 7617 has it") {
  CHECK(basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(basic_authorization("a", "b") == "Basic YTpi");
  CHECK(basic_authorization("ab", "b") == "Basic YWI6Yg==");
  CHECK(basic_authorization("\xff", "") == "Basic /zo=");
}

}  // namespace
}  // namespace breakwater::proxy
