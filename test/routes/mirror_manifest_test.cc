#include "routes/oci/media_type.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kRepository = "library/alpine";
constexpr const char* kTagTarget = "/v2/library/alpine/manifests/3.20";

std::string type() { return std::string(routes::kOciManifest); }
std::string target_of(const std::string& reference) {
  return std::string("/v2/") + kRepository + "/manifests/" + reference;
}
std::string path_of(const std::string& reference) {
  return FakeRegistry::manifest_path(kRepository, reference);
}

std::string image(uint32_t seed) {
  return image_of(digest_of("config" + std::to_string(seed)), 100,
                  {{digest_of("layer" + std::to_string(seed)), 1000}});
}

size_t questions(const MirrorWorld& world, const std::string& reference = "3.20") {
  return world.hub.count("HEAD", path_of(reference)) + world.hub.count("GET", path_of(reference));
}

}  // namespace

TEST_CASE("a tag is answered with exact bytes, type and digest, and for a minute without asking again") {
  MirrorWorld world;
  const auto bytes = image(1) + "\n  ";
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), bytes);
  const auto cold = world.get(kTagTarget);
  CHECK(cold.status == 200);
  CHECK(cold.body == bytes);
  CHECK(cold.headers.get("Content-Type") == type());
  CHECK(cold.headers.get("Docker-Content-Digest") == digest.text());
  CHECK(cold.headers.get("Content-Length") == std::to_string(bytes.size()));
  world.clock().advance(seconds(59));
  CHECK(world.get(kTagTarget).body == bytes);
  CHECK(world.head(kTagTarget).headers.get("Docker-Content-Digest") == digest.text());
  CHECK(world.get(target_of(digest.text())).body == bytes);
  CHECK(world.hub.count() == 1);
}

TEST_CASE("a tag that is no longer fresh costs one HEAD, and no manifest is moved when it is the same") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(2));
  world.get(kTagTarget);
  world.clock().advance(seconds(61));
  CHECK(world.get(kTagTarget).status == 200);
  CHECK(world.get(kTagTarget).status == 200);
  CHECK(world.hub.count("HEAD", path_of("3.20")) == 1);
  CHECK(world.hub.count("GET", path_of("3.20")) == 1);
}

TEST_CASE("a tag is asked for by GET when HEAD is not answered, or without a digest") {
  const std::vector<Fault> useless = {Fault::reply(400), Fault::reply(405), Fault::reply(501),
                                      Fault::reply(200),
                                      Fault::reply(200, {{"Docker-Content-Digest", "sha256:garbage"}})};
  for (const auto& fault : useless) {
    INFO(fault.canned.status);
    MirrorWorld world;
    world.hub.manifest(kRepository, "3.20", type(), image(53));
    world.get(kTagTarget);
    world.hub.manifest(kRepository, "3.20", type(), image(54));
    world.clock().advance(seconds(61));
    world.hub.next(path_of("3.20"), fault);
    const auto answer = world.get(kTagTarget);
    CHECK(answer.body == image(54));
    CHECK(answer.headers.find("Warning") == nullptr);
  }
}

TEST_CASE("a tag that moved is answered with what upstream has now") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(3));
  world.get(kTagTarget);
  const auto moved = world.hub.manifest(kRepository, "3.20", type(), image(4));
  CHECK(world.get(kTagTarget).body == image(3));
  world.clock().advance(seconds(61));
  const auto answer = world.get(kTagTarget);
  CHECK(answer.body == image(4));
  CHECK(answer.headers.get("Docker-Content-Digest") == moved.text());
}

TEST_CASE("with fresh 0 every answer is confirmed, and many who ask at once ask once") {
  MirrorWorld world;
  world.mirror_settings.freshness.fresh_ms = 0;
  world.hub.manifest(kRepository, "3.20", type(), image(5));
  world.get(kTagTarget);
  world.clock().advance(seconds(1));
  for (const auto& answer : world.get_at_once(std::vector<std::string>(20, kTagTarget)))
    CHECK(answer.body == image(5));
  CHECK(world.hub.count("HEAD", path_of("3.20")) == 1);
  world.get(kTagTarget);
  CHECK(world.hub.count("HEAD", path_of("3.20")) == 2);
}

TEST_CASE("fifty cold requests for one tag are one request upstream") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(6));
  for (const auto& answer : world.get_at_once(std::vector<std::string>(50, kTagTarget)))
    CHECK(answer.body == image(6));
  CHECK(world.hub.count() == 1);
}

TEST_CASE("a wall clock that is put back keeps nothing missing, and no list fresh") {
  MirrorWorld world;
  const std::string list = "/v2/library/alpine/tags/list";
  world.hub.answer(list, Canned(200, {{"Content-Type", "application/json"}},
                                R"({"name":"library/alpine","tags":["3.19"]})"));
  CHECK(world.get(kTagTarget).status == 404);
  CHECK(world.get(list).body.find("3.20") == std::string::npos);
  world.hub.manifest(kRepository, "3.20", type(), image(6));
  world.hub.answer(list, Canned(200, {{"Content-Type", "application/json"}},
                                R"({"name":"library/alpine","tags":["3.19","3.20"]})"));
  world.clock().set_wall_by(-hours(2));
  world.clock().advance(seconds(61));
  CHECK(world.get(kTagTarget).body == image(6));
  CHECK(world.get(list).body.find("3.20") != std::string::npos);
}

TEST_CASE(
    "an upstream that finds the question wrong is believed: the tags that were pulled are no answer to it") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(6));
  world.get(kTagTarget);
  world.hub.always("/v2/library/alpine/tags/list", Fault::reply(400, {}, "{}"));
  CHECK(world.get("/v2/library/alpine/tags/list?n=5000").status == 400);
}

TEST_CASE("a HEAD 200 for a tag means that the GET by its digest works, even if upstream dies in between") {
  MirrorWorld world;
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), image(7));
  CHECK(world.head(kTagTarget).headers.get("Docker-Content-Digest") == digest.text());
  world.hub.shut();
  CHECK(world.get(target_of(digest.text())).body == image(7));
}

TEST_CASE("a dead upstream leaves what was pulled, and the answer says so") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(8));
  world.get(kTagTarget);
  world.hub.shut();
  world.clock().advance(hours(5));
  const auto answer = world.get(kTagTarget);
  CHECK(answer.status == 200);
  CHECK(answer.body == image(8));
  CHECK(answer.headers.get("Age") == "18000");
  CHECK(answer.headers.get("Warning").starts_with("299 - "));
  world.clock().advance(hours(24 * 31));
  CHECK(world.get(kTagTarget).status == 503);
}

TEST_CASE("one connection that is reset costs a cold tag no error, and a dead upstream gets no storm") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(50));
  world.hub.manifest(kRepository, "3.21", type(), image(51));
  const auto broken = Fault::raw("HTTP/1.1 200 OK\r\n");
  world.hub.next(path_of("3.20"), broken);
  CHECK(world.get(kTagTarget).body == image(50));
  CHECK(questions(world) == 2);

  world.hub.always(path_of("3.21"), broken);
  for (int i = 0; i < 20; ++i) CHECK(world.get(target_of("3.21")).status == 503);
  CHECK(questions(world, "3.21") == 2);
}

TEST_CASE("an upstream that does not answer costs a cached tag less than its wait, and the answer says so") {
  MirrorWorld world;
  world.mirror_settings.revalidate_wait_ms = 50;
  world.hub.manifest(kRepository, "3.20", type(), image(9));
  world.get(kTagTarget);
  world.clock().advance(hours(1));
  world.hub.always(path_of("3.20"), Fault::silent());
  const auto answer = world.get(kTagTarget);
  CHECK(answer.body == image(9));
  CHECK(answer.headers.get("Warning").starts_with("299 - "));
  world.hub.release();
  run_some_turns(world.loop);
}

TEST_CASE(
    "an upstream that does not answer a cold tag or digest costs the client less than its own patience, and "
    "the question goes on") {
  MirrorWorld world;
  world.mirror_settings.revalidate_wait_ms = 5;
  world.mirror_settings.first_byte_wait_ms = 20;
  world.hub.manifest(kRepository, "3.20", type(), image(52));
  const auto digest = world.hub.manifest(kRepository, "", type(), image(55));
  for (const auto& reference : {std::string("3.20"), digest.text()}) {
    INFO(reference);
    world.hub.next(path_of(reference), Fault::silent());
    const auto answer = world.get(target_of(reference));
    CHECK(answer.status == 503);
    CHECK(answer.headers.get("Retry-After") == "1");
    CHECK(answer.body.find("UNAVAILABLE") != std::string::npos);
    world.hub.release();
    auto next = world.get(target_of(reference));
    while (next.status == 503) next = world.get(target_of(reference));
    CHECK(next.status == 200);
    CHECK(questions(world, reference) == 1);
  }
}

TEST_CASE("a tag that upstream dropped outlives it for a day, its digest for ever") {
  MirrorWorld world;
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), image(10));
  world.get(kTagTarget);
  world.hub.untag(kRepository, "3.20");
  world.clock().advance(hours(1));
  const auto stale = world.get(kTagTarget);
  CHECK(stale.status == 200);
  CHECK(stale.headers.find("Warning") != nullptr);
  world.clock().advance(hours(24));
  const auto gone = world.get(kTagTarget);
  CHECK(gone.status == 404);
  CHECK(gone.body.find("MANIFEST_UNKNOWN") != std::string::npos);
  CHECK(world.get(target_of(digest.text())).body == image(10));
}

TEST_CASE("a missing tag is believed missing for half a minute, a signature's for ten seconds") {
  MirrorWorld world;
  const auto signature = "sha256-" + digest_of("x").hex() + ".sig";
  for (int i = 0; i < 5; ++i) {
    CHECK(world.get(target_of("nope")).status == 404);
    CHECK(world.get(target_of(signature)).status == 404);
  }
  CHECK(world.hub.count() == 2);
  world.clock().advance(seconds(11));
  world.hub.manifest(kRepository, "nope", type(), image(11));
  world.hub.manifest(kRepository, signature, type(), image(12));
  CHECK(world.get(target_of("nope")).status == 404);
  CHECK(world.get(target_of(signature)).status == 200);
  world.clock().advance(seconds(20));
  CHECK(world.get(target_of("nope")).status == 200);
}

TEST_CASE("a manifest with the wrong digest is an error, is not stored and is fetched anew") {
  MirrorWorld world;
  const auto right = image(13);
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), right);
  world.hub.next(path_of(digest.text()), Fault::reply(200, {{"Content-Type", type()}}, image(14)));
  CHECK(world.get(target_of(digest.text())).status == 502);
  CHECK(world.get(target_of(digest.text())).body == right);
  world.hub.next(
      path_of("other"),
      Fault::reply(200, {{"Content-Type", type()}, {"Docker-Content-Digest", digest.text()}}, image(15)));
  CHECK(world.get(target_of("other")).status == 502);
  world.hub.manifest(kRepository, "page", type(), right);
  world.hub.next(path_of("page"), Fault::html());
  CHECK(world.get(target_of("page")).status == 502);
}

TEST_CASE("a manifest that has the digest that was asked for is served, whatever it and its answer say") {
  const auto config = R"({"config":{"digest":")" + digest_of("config").text() + R"("},"layers":[)";
  const auto layer = R"({"digest":")" + digest_of("layer").text() + "\"";
  const std::vector<std::string> bodies = {
      config + layer + "}]}",
      config + layer + R"(,"size":-1}]})",
      config + layer + R"(,"size":500.0}]})",
      config + layer + R"(,"size":"500"}]})",
      config + R"({"digest":"sha384:00","size":1}],"subject":{"digest":"x"}})",
      R"({"schemaVersion":2,"manifests":null})",
      R"({"manifests":[{"digest":"sha384:00"}]})",
      config + R"(]} and more)",
      "no JSON",
  };
  const auto other = digest_of("other");
  const std::vector<std::string> claims = {"", "\"" + other.text() + "\"", "sha256:" + std::string(64, 'A'),
                                           "md5:00", other.text()};
  for (const auto& body : bodies) {
    for (const auto& claim : claims) {
      CAPTURE(body, claim);
      MirrorWorld world;
      const auto digest = digest_of(body);
      world.hub.answer(path_of(digest.text()),
                       Canned(200, {{"Content-Type", type()}, {"Docker-Content-Digest", claim}}, body));
      for (int i = 0; i < 2; ++i) {
        const auto answer = world.get(target_of(digest.text()));
        CHECK(answer.status == 200);
        CHECK(answer.body == body);
        CHECK(answer.headers.get("Docker-Content-Digest") == digest.text());
      }
      CHECK(world.hub.count() == 1);
      CHECK(world.holds(digest));
    }
  }
}

TEST_CASE("a tag's manifest is carried if it is JSON, and a claim that can be read has to be right") {
  MirrorWorld world;
  const auto body = R"({"config":{"digest":")" + digest_of("config").text() + R"("},"layers":[{}]})";
  const auto answers = [&](const std::string& claim) {
    world.hub.answer(path_of("t"),
                     Canned(200, {{"Content-Type", type()}, {"Docker-Content-Digest", claim}}, body));
    world.clock().advance(std::chrono::minutes(2));
    return world.get(target_of("t")).headers.find("Warning") == nullptr ? world.get(target_of("t")).status
                                                                        : 0;
  };
  const auto right = digest_of(body);
  CHECK(answers(digest_of("other").text()) == 502);
  CHECK(answers(right.text()) == 200);
  CHECK(answers("\"sha256:" + right.hex() + "\"") == 200);
  CHECK(answers("") == 200);
  CHECK(answers("md5:00") == 200);
  std::string upper = right.hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(answers("SHA256:" + upper) == 200);
  world.hub.answer(path_of("error"), Canned(200, {{"Content-Type", "application/json"}}, R"({"errors":[]})"));
  CHECK(world.get(target_of("error")).status == 502);
  world.hub.answer(path_of("cut"), Canned(200, {{"Content-Type", type()}}, body.substr(0, 40)));
  CHECK(world.get(target_of("cut")).status == 502);
}

TEST_CASE("a signed schema 1 manifest is served under the digest of what was signed, by tag and by digest") {
  const std::string payload =
      "{\n   \"schemaVersion\": 1,\n   \"name\": \"library/old\",\n   \"tag\": \"1\",\n   \"fsLayers\": [\n  "
      "    "
      "{\n         \"blobSum\": \"sha256:" +
      std::string(64, 'a') + "\"\n      }\n   ]\n}";
  const std::string body =
      payload.substr(0, payload.size() - 2) +
      R"(,
   "signatures": [{"header": {}, "signature": "c2ln", "protected": )"
      R"("eyJmb3JtYXRMZW5ndGgiOiAxOTcsICJmb3JtYXRUYWlsIjogIkNuMCIsICJ0aW1lIjogIjIwMTUtMDEtMDFUMDA6MDA6MDBaIn0"}])"
      "\n}";
  const auto digest = digest_of(payload);
  MirrorWorld world;
  const Canned canned(
      200,
      {{"Content-Type", std::string(routes::kDockerSchema1Signed)}, {"Docker-Content-Digest", digest.text()}},
      body);
  world.hub.answer(path_of("old"), canned);
  world.hub.answer(path_of(digest.text()), canned);
  for (const auto& target : {target_of("old"), target_of(digest.text())}) {
    const auto answer = world.get(target);
    CHECK(answer.status == 200);
    CHECK(answer.body == body);
    CHECK(answer.headers.get("Content-Type") == routes::kDockerSchema1Signed);
    CHECK(answer.headers.get("Docker-Content-Digest") == digest.text());
  }
  CHECK_FALSE(world.holds(digest));
  // What was signed, beside something else that a client would read.
  const std::string signature =
      R"(eyJmb3JtYXRMZW5ndGgiOiAxLCAiZm9ybWF0VGFpbCI6ICJDaUFnSUNKelkyaGxiV0ZXWlhKemFXOXVJ)"
      R"(am9nTVN3S0lDQWdJbTVoYldVaU9pQWliR2xpY21GeWVTOXZiR1FpTEFvZ0lDQWlkR0ZuSWpvZ0lqRWlM)"
      R"(QW9nSUNBaVpuTk1ZWGxsY25NaU9pQmJDaUFnSUNBZ0lIc0tJQ0FnSUNBZ0lDQWdJbUpzYjJKVGRXMGlP)"
      R"(aUFpYzJoaE1qVTJPbUZoWVdGaFlXRmhZV0ZoWVdGaFlXRmhZV0ZoWVdGaFlXRmhZV0ZoWVdGaFlXRmhZ)"
      R"(V0ZoWVdGaFlXRmhZV0ZoWVdGaFlXRmhZV0ZoWVdGaFlXRmhZV0VpQ2lBZ0lDQWdJSDBLSUNBZ1hRcDki)"
      R"(fQ)";
  auto forged = canned;
  forged.body = R"({"schemaVersion":1,"name":"library/bad","fsLayers":[],"signatures":[{"protected":")" +
                signature + R"("}]})";
  MirrorWorld deceived;
  deceived.hub.answer(path_of(digest.text()), forged);
  CHECK(deceived.get(target_of(digest.text())).status == 502);
  const auto other = digest_of("other");
  world.hub.answer(path_of(other.text()), canned);
  CHECK(world.get(target_of(other.text())).status == 502);
}

TEST_CASE("a HEAD that is refused says nothing about GET: the tag is what GET answers") {
  for (const int status : {400, 401, 403, 404, 405, 406, 410, 451, 501}) {
    CAPTURE(status);
    MirrorWorld world;
    world.hub.manifest(kRepository, "3.20", type(), image(61));
    world.get(kTagTarget);
    world.hub.manifest(kRepository, "3.20", type(), image(62));
    world.clock().advance(seconds(61));
    world.hub.next(path_of("3.20"), Fault::reply(status));
    const auto answer = world.get(kTagTarget);
    CHECK(answer.body == image(62));
    CHECK(answer.headers.find("Warning") == nullptr);
  }
}

TEST_CASE("a manifest that is slow is waited for although no client does, and is kept for the next") {
  MirrorWorld world;
  world.http_client_settings.stall_timeout_ms = 50;
  world.mirror_settings.first_byte_wait_ms = 100;
  world.hub.manifest(kRepository, "3.20", type(), image(63));
  world.hub.next(path_of("3.20"), Fault::silent());
  const auto first = world.get(kTagTarget);
  CHECK(first.status == 503);
  CHECK(first.headers.get("Retry-After") == "1");
  CHECK(world.get(kTagTarget).status == 503);
  CHECK(world.hub.count() == 1);
  world.hub.release();
  Answer answer;
  for (int tries = 0; tries < 100 && answer.status != 200; ++tries) answer = world.get(kTagTarget);
  CHECK(answer.body == image(63));
  CHECK(world.hub.count() == 1);
}

TEST_CASE("what upstream answers becomes what clients understand, in OCI JSON, and no storm goes upstream") {
  struct Case {
    std::string name;
    Fault fault;
    int status;
    std::string code;
  };
  const std::vector<Case> cases = {
      {"401", Fault::reply(401), 404, "NAME_UNKNOWN"},
      {"403", Fault::reply(403, {}, "denied"), 404, "NAME_UNKNOWN"},
      {"429 JSON, seconds",
       Fault::reply(429, {{"Retry-After", "7"}}, R"({"errors":[{"code":"TOOMANYREQUESTS"}]})"), 429,
       "TOOMANYREQUESTS"},
      {"429 text, date",
       Fault::reply(429, {{"Retry-After", "Tue, 14 Nov 2023 22:14:20 GMT"}}, "Too Many Requests (HAP429)"),
       429, "TOOMANYREQUESTS"},
      {"429 HTML, epoch",
       Fault::reply(429, {{"Retry-After", "1700000060"}, {"Content-Type", "text/html"}}, "<html>"), 429,
       "TOOMANYREQUESTS"},
      {"429 in the body", Fault::reply(429, {}, "retry-after: 1.16676ms, allowed: 44000/minute"), 429,
       "TOOMANYREQUESTS"},
      {"500", Fault::reply(500, {}, "oops"), 503, "UNAVAILABLE"},
      {"503", Fault::reply(503), 503, "UNAVAILABLE"},
      {"HTML", Fault::html(), 502, ""},
  };
  for (const auto& one : cases) {
    INFO(one.name);
    MirrorWorld world;
    world.hub.manifest(kRepository, "3.20", type(), image(16));
    world.hub.always(path_of("3.20"), one.fault);
    const auto answers = world.get_at_once(std::vector<std::string>(30, kTagTarget));
    for (const auto& answer : answers) {
      CHECK(answer.status == one.status);
      CHECK(answer.headers.get("Content-Type").starts_with("application/json"));
      CHECK(answer.body.find(one.code) != std::string::npos);
      CHECK(answer.body.find("\"trace\"") != std::string::npos);
    }
    CHECK(questions(world) <= 5);
    if (one.status == 429) {
      CHECK(answers[0].headers.find("Retry-After") != nullptr);
      world.get(kTagTarget);
      CHECK(questions(world) == 1);
    }
  }
}

TEST_CASE("who is refused because upstream refuses reads what upstream says, the first and all others") {
  struct Case {
    Fault fault;
    std::string says;
  };
  const Case cases[] = {
      {Fault::reply(429, {}, "toomanyrequests: You have reached your pull rate limit. See /limits\n"),
       "says \\\"toomanyrequests: You have reached your pull rate limit. See …"},
      {Fault::reply(429, {}, R"({"errors":[{"code":"TOOMANYREQUESTS","message":"slow\u001b down"}]})"),
       "says \\\"TOOMANYREQUESTS: slow\\\\x1b down\\\""},
      {Fault::reply(403, {}, "your account is suspended"),
       "403 Forbidden, and upstream says \\\"your account is suspended\\\"; check the name"},
  };
  for (const auto& one : cases) {
    MirrorWorld world;
    world.hub.always(path_of("3.20"), one.fault);
    for (int i = 0; i < 3; ++i) {
      const auto answer = world.get(kTagTarget);
      CAPTURE(answer.body);
      CHECK(answer.body.find(one.says) != std::string::npos);
    }
    CHECK(questions(world) == 1);
  }
}

TEST_CASE("the access line has what upstream answered, if it was asked, and how long that took") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(18));
  world.get(kTagTarget);
  CHECK(world.files.log.count(" upstream_status=200 upstream_seconds=") == 1);
  world.get(kTagTarget);
  CHECK(world.files.log.count(" upstream_status=") == 1);
  world.hub.always(path_of("none"), Fault::reply(404));
  world.get("/v2/" + std::string(kRepository) + "/manifests/none");
  CHECK(world.files.log.count(" upstream_status=404 upstream_seconds=") == 1);
}

TEST_CASE("while upstream refuses, what was pulled is served") {
  for (const int status : {401, 403, 429, 500, 503}) {
    INFO(status);
    MirrorWorld world;
    const auto digest = world.hub.manifest(kRepository, "3.20", type(), image(17));
    world.get(kTagTarget);
    world.clock().advance(seconds(61));
    world.hub.always(path_of("3.20"), Fault::reply(status));
    const auto answer = world.get(kTagTarget);
    CHECK(answer.status == 200);
    CHECK(answer.headers.get("Warning").starts_with("299 - "));
    CHECK(world.get(target_of(digest.text())).status == 200);
  }
}

TEST_CASE("a name that cannot be resolved is 503, and cached tags are served") {
  MirrorWorld world;
  world.hub_registry_client.upstream = proxy::Endpoint::parse("http://registry.invalid").value();
  const auto answer = world.get(kTagTarget);
  CHECK(answer.status == 503);
  CHECK(answer.body.find("UNAVAILABLE") != std::string::npos);
}

TEST_CASE("manifests are answered in parts too, and 304 to who has them") {
  MirrorWorld world;
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), image(18));
  const auto part = world.get(kTagTarget, {{"Range", "bytes=0-"}});
  CHECK(part.status == 206);
  CHECK(part.body == image(18));
  CHECK(part.headers.get("Content-Range") ==
        "bytes 0-" + std::to_string(image(18).size() - 1) + "/" + std::to_string(image(18).size()));
  CHECK(world.get(kTagTarget, {{"If-None-Match", '"' + digest.text() + '"'}}).status == 304);
}

TEST_CASE(
    "an index lets its repository serve what it names without asking, and the sizes it tells are believed") {
  MirrorWorld world;
  const auto layer_bytes = content_of(100'000, 1);
  const auto layer = world.hub.blob(kRepository, layer_bytes);
  const auto config = world.hub.blob(kRepository, "{}");
  const auto child_bytes = image_of(config, 2, {{layer, layer_bytes.size()}});
  const auto child = world.hub.manifest(kRepository, "", type(), child_bytes);
  world.hub.manifest(kRepository, "3.20", std::string(routes::kOciIndex),
                     index_of({{child, child_bytes.size()}}));
  CHECK(world.get(kTagTarget).status == 200);
  CHECK(world.get(target_of(child.text())).body == child_bytes);
  CHECK(world.get("/v2/library/alpine/blobs/" + layer.text()).body == layer_bytes);
  world.finish_fills();
  const auto before = world.hub.count();
  CHECK(world.get("/v2/library/alpine/blobs/" + layer.text()).body == layer_bytes);
  CHECK(world.hub.count() == before);
}

TEST_CASE("after a restart nothing that was pulled is asked again") {
  MirrorWorld world;
  const auto layer_bytes = content_of(10'000, 2);
  const auto layer = world.hub.blob(kRepository, layer_bytes);
  const auto bytes = image_of(world.hub.blob(kRepository, "{}"), 2, {{layer, layer_bytes.size()}});
  const auto digest = world.hub.manifest(kRepository, "3.20", type(), bytes);
  world.get(kTagTarget);
  world.get("/v2/library/alpine/blobs/" + layer.text());
  world.finish_fills();
  world.stop();
  const auto before = world.hub.count();
  CHECK(world.get(kTagTarget).body == bytes);
  CHECK(world.get(target_of(digest.text())).body == bytes);
  CHECK(world.get("/v2/library/alpine/blobs/" + layer.text()).body == layer_bytes);
  CHECK(world.hub.count() == before);
}

TEST_CASE("ns names the mirror, wherever the client knocks, and an unknown one is not found") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(19));
  world.ghcr.manifest("org/app", "1", type(), image(20));
  const auto routed = world.get("/v2/org/app/manifests/1?ns=ghcr.io");
  CHECK(routed.body == image(20));
  CHECK(routed.headers.get("OCI-Namespace") == "ghcr.io");
  CHECK(world.get(std::string(kTagTarget) + "?ns=docker.io").body == image(19));
  CHECK(world.get(std::string(kTagTarget) + "?ns=gcr.io").status == 404);
}

TEST_CASE("ns leads nobody to a mirror that he may not use") {
  MirrorWorld world;
  world.ghcr_allow = *routes::Networks::parse({"10.0.20.0/24"});
  world.ghcr.manifest("org/app", "1", type(), image(20));
  CHECK(world.get("/v2/org/app/manifests/1?ns=ghcr.io").status == 403);
  CHECK(world.ghcr.count() == 0);
}

TEST_CASE("a name of one part is one of Docker Hub's library") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(21));
  CHECK(world.get("/v2/alpine/manifests/3.20").body == image(21));
}

TEST_CASE("bad names, digests and tags are refused before upstream hears of them") {
  MirrorWorld world;
  CHECK(world.get("/v2/Alpine/manifests/3.20").body.find("NAME_INVALID") != std::string::npos);
  CHECK(world.get("/v2/alpine/blobs/sha256:abc").body.find("DIGEST_INVALID") != std::string::npos);
  CHECK(world.get("/v2/alpine/blobs/sha256:abc").status == 400);
  CHECK(world.hub.count() == 0);
}

TEST_CASE("tag lists come from upstream with a relative Link, are kept a while, and outlive it") {
  MirrorWorld world;
  const std::string path = "/v2/library/alpine/tags/list";
  world.hub.answer(
      path, Canned(200,
                   {{"Content-Type", "application/json"},
                    {"Link", "<https://elsewhere/v2/library/alpine/tags/list?n=2&last=b>; rel=\"next\""}},
                   R"({"name":"library/alpine","tags":["a","b"]})"));
  const auto answer = world.get(path + "?n=2");
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"name":"library/alpine","tags":["a","b"]})");
  CHECK(answer.headers.get("Link") == "</v2/library/alpine/tags/list?n=2&last=b>; rel=\"next\"");
  CHECK(world.hub.seen()[0].target == path + "?n=2");
  world.get(path + "?n=2");
  CHECK(world.hub.count() == 1);
  world.hub.shut();
  world.clock().advance(hours(1));
  const auto stale = world.get(path + "?n=2");
  CHECK(stale.status == 200);
  CHECK(stale.headers.find("Warning") != nullptr);
}

TEST_CASE("without upstream the tags that were pulled come in pages, and each but the last names the next") {
  MirrorWorld world;
  for (const char* tag : {"a", "b", "c"}) {
    world.hub.manifest(kRepository, tag, type(), image(22));
    world.get(std::string("/v2/library/alpine/manifests/") + tag);
  }
  world.hub.shut();
  const auto first = world.get("/v2/library/alpine/tags/list?n=2");
  CHECK(first.body == R"({"name":"library/alpine","tags":["a","b"]})");
  CHECK(first.headers.get("Link") == "</v2/library/alpine/tags/list?n=2&last=b&of=pulled>; rel=\"next\"");
  const auto second = world.get("/v2/library/alpine/tags/list?n=2&last=b&of=pulled");
  CHECK(second.body == R"({"name":"library/alpine","tags":["c"]})");
  CHECK(second.headers.find("Link") == nullptr);
  CHECK(world.get("/v2/library/alpine/tags/list?n=3").headers.find("Link") == nullptr);
}

TEST_CASE("without upstream the tag list holds what was pulled") {
  MirrorWorld world;
  world.hub.manifest(kRepository, "3.20", type(), image(22));
  world.get(kTagTarget);
  world.hub.shut();
  const auto answer = world.get("/v2/library/alpine/tags/list");
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"name":"library/alpine","tags":["3.20"]})");
  CHECK(answer.headers.find("Warning") != nullptr);
}

TEST_CASE("referrers come from upstream's API, filtered when it did not filter") {
  MirrorWorld world;
  const auto subject = digest_of("subject");
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
      R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
      digest_of("a").text() +
      R"(","size":1,"artifactType":"a/a"},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
      digest_of("b").text() + R"(","size":1,"artifactType":"b/b"}]})";
  world.hub.answer("/v2/library/alpine/referrers/" + subject.text(),
                   Canned(200, {{"Content-Type", std::string(routes::kOciIndex)}}, index));
  const auto all = world.get("/v2/library/alpine/referrers/" + subject.text());
  CHECK(all.status == 200);
  CHECK(all.headers.get("Content-Type") == routes::kOciIndex);
  CHECK(all.body.find(digest_of("b").text()) != std::string::npos);
  const auto some = world.get("/v2/library/alpine/referrers/" + subject.text() + "?artifactType=a/a");
  CHECK(some.body.find(digest_of("a").text()) != std::string::npos);
  CHECK(some.body.find(digest_of("b").text()) == std::string::npos);
  CHECK(some.headers.get("OCI-Filters-Applied") == "artifactType");
}

TEST_CASE("an upstream without the referrers API is asked for the tag in its place, however it says so") {
  const auto subject = digest_of("subject");
  const auto path = "/v2/library/alpine/referrers/" + subject.text();
  const auto tag = "sha256-" + subject.hex();
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":")" +
      digest_of("a").text() + R"(","size":1,"artifactType":"a/a"}]})";
  for (const auto& fault :
       {Fault::reply(404), Fault::reply(405), Fault::reply(406), Fault::reply(501), Fault::html(),
        Fault::reply(200, {{"Content-Type", "application/json"}}, "{\"page\":1")}) {
    INFO(fault.canned.status);
    MirrorWorld world;
    world.hub.manifest(kRepository, tag, std::string(routes::kOciIndex), index);
    world.hub.always(path, fault);
    const auto answer = world.get(path);
    CHECK(answer.status == 200);
    CHECK(answer.body.find(digest_of("a").text()) != std::string::npos);
  }
}

TEST_CASE(
    "a list of referrers that is not whole is an error, and not taken for that of an upstream without the "
    "API") {
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";
  const std::string type(routes::kOciIndex);
  const std::vector<Fault> faults = {
      Fault::reply(200, {{"Content-Type", type}, {"Link", "</page/2>; rel=\"next\""}}, index + "]}"),
      Fault::reply(200, {{"Content-Type", type}}, index),
      Fault::raw("HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nContent-Length: 1000\r\n\r\n" + index),
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    INFO(i);
    MirrorWorld world;
    const auto path = "/v2/library/alpine/referrers/" + digest_of("subject").text();
    world.hub.always(path, faults[i]);
    const auto answer = world.get(path);
    CHECK(answer.status >= 500);
  }
}

TEST_CASE("an upstream that refuses us does not say that there are no referrers") {
  MirrorWorld world;
  const auto subject = digest_of("subject");
  const auto path = "/v2/library/alpine/referrers/" + subject.text();
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})";
  const auto tag_path = path_of("sha256-" + subject.hex());
  const auto refuse = [&] {
    world.hub.answer(path, Canned(401, {}, ""));
    world.hub.answer(tag_path, Canned(403, {}, ""));
  };
  refuse();
  CHECK(world.get(path).status == 403);
  world.clock().advance(std::chrono::minutes(2));
  world.hub.answer(path, Canned(200, {{"Content-Type", std::string(routes::kOciIndex)}}, index));
  CHECK(world.get(path).status == 200);
  refuse();
  world.clock().advance(std::chrono::minutes(2));
  const auto old = world.get(path);
  CHECK(old.status == 200);
  CHECK(old.headers.get("Warning").starts_with("299 - "));
}

TEST_CASE("referrers that upstream pages are served whole, or not at all when a page is missing") {
  MirrorWorld world;
  const auto subject = digest_of("subject");
  const auto path = "/v2/library/alpine/referrers/" + subject.text();
  const auto page_of = [&](const char* referrer, const std::string& next) {
    const auto index =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":")" +
        digest_of(referrer).text() + R"(","size":1,"artifactType":")" + referrer + R"("}]})";
    proxy::Headers headers = {{"Content-Type", std::string(routes::kOciIndex)}};
    if (!next.empty()) headers.add("Link", "<https://elsewhere" + path + "?" + next + ">; rel=\"next\"");
    return Fault::reply(200, headers, index);
  };
  world.hub.next(path, page_of("a", "page=2"));
  world.hub.next(path, Fault::reply(404));
  CHECK(world.get(path).status == 502);
  world.hub.next(path, page_of("a", "page=2"));
  world.hub.next(path, page_of("b", "page=3&x"));
  world.hub.next(path, page_of("c", ""));
  const auto all = world.get(path);
  CHECK(all.status == 200);
  for (const char* referrer : {"a", "b", "c"})
    CHECK(all.body.find(digest_of(referrer).text()) != std::string::npos);
  CHECK(world.hub.seen()[3].target == path + "?page=2");
  CHECK(world.hub.seen()[4].target == path + "?page=3&x");
  CHECK(world.get(path + "?artifactType=c").body.find(digest_of("c").text()) != std::string::npos);
  CHECK(world.hub.count() == 5);
  world.clock().advance(seconds(11));
  world.hub.always(path, page_of("a", "for=ever"));
  // Of so many pages each is passed on by itself.
  CHECK(world.get(path).headers.get("Link") == "<" + path + "?for=ever>; rel=\"next\"");
  CHECK(world.hub.count() == 5 + 100 + 1);
}

TEST_CASE(
    "an upstream without referrers, or with a web page there, is asked for the fallback tag; none is an "
    "empty index") {
  for (const bool web : {false, true}) {
    MirrorWorld world;
    FakeRegistry pages(world.loop);
    const auto subject = digest_of("subject");
    const auto path = "/v2/library/alpine/referrers/" + subject.text();
    if (web) world.hub.answer(path, Canned(303, {{"Location", pages.url() + "/ui"}}, ""));
    if (web)
      pages.answer("/ui", Canned(429, {{"Content-Type", "text/html"}, {"Retry-After", "60"}}, "<html>"));
    const auto none = world.get(path);
    CHECK(none.status == 200);
    CHECK(none.body.find("\"manifests\":[]") != std::string::npos);
    world.clock().advance(seconds(11));
    const std::string index =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
        digest_of("s").text() + R"(","size":1}]})";
    world.hub.manifest(kRepository, "sha256-" + subject.hex(), std::string(routes::kOciIndex), index);
    CHECK(world.get(path).body.find(digest_of("s").text()) != std::string::npos);
    CHECK(pages.count() == 0);
  }
}

}  // namespace breakwater::test
