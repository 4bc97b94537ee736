// A mirror of two upstreams: `hub` is asked first, then `second`.
#include <string>
#include <vector>

#include "routes/oci/media_type.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/upstream_lists.h"

namespace breakwater::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kRepository = "library/alpine";
const std::string kTag = "/v2/library/alpine/manifests/3.20";
const std::string kList = "/v2/library/alpine/tags/list";
const std::string kImage(routes::kOciManifest);
const std::string kIndex(routes::kOciIndex);

std::string image(const std::string& seed) { return image_of(digest_of(seed), 1, {}); }
std::string target_of(const std::string& reference) {
  return FakeRegistry::manifest_path(kRepository, reference);
}
std::string blob_of(const store::Digest& digest) { return FakeRegistry::blob_path(kRepository, digest); }
std::string referrers_of(const store::Digest& subject) {
  return "/v2/library/alpine/referrers/" + subject.text();
}

Canned json(const std::string& type, const std::string& body, const std::string& link = "") {
  proxy::Headers headers = {{"Content-Type", type}};
  if (!link.empty()) headers.add("Link", link);
  return Canned(200, std::move(headers), body);
}
Canned tag_list(const std::vector<std::string>& names, const std::string& link = "") {
  return json("application/json", tags(names), link);
}
Canned referrer_list(const std::vector<std::string>& names, const std::string& link = "") {
  return json(kIndex, referrers(names), link);
}
bool lists(const Answer& answer, const std::string& name) {
  return answer.status == 200 && answer.body.find(digest_of(name).text()) != std::string::npos;
}

// What is wrong with the first upstream.
std::vector<Fault> troubles() {
  return {Fault::reply(404), Fault::reply(401), Fault::reply(403), Fault::reply(400), Fault::reply(500),
          Fault::reply(503), Fault::reply(429), Fault::hang_up(),  Fault::html(),     Fault::reply(200)};
}

struct Mirrors : MirrorWorld {
  Mirrors() { add_second(); }
  size_t asked_first(const std::string& path) const {
    return hub.count("GET", path) + hub.count("HEAD", path);
  }
  size_t asked_second(const std::string& path) const {
    return second.count("GET", path) + second.count("HEAD", path);
  }
  // The authorization of every request that this registry has seen.
  static std::vector<std::string> brought_to(const FakeRegistry& registry) {
    std::vector<std::string> brought;
    for (const auto& seen : registry.seen()) brought.emplace_back(seen.headers.get("Authorization"));
    return brought;
  }
};

}  // namespace

TEST_CASE("what the first upstream has comes from there alone") {
  Mirrors world;
  world.hub.manifest(kRepository, "3.20", kImage, image("first"));
  world.second.manifest(kRepository, "3.20", kImage, image("second"));
  const auto layer = world.hub.blob(kRepository, content_of(100'000, 1));
  CHECK(world.get(kTag).body == image("first"));
  CHECK(world.get(blob_of(layer)).body == content_of(100'000, 1));
  world.finish_fills();
  CHECK(world.second.count() == 0);
}

TEST_CASE(
    "a manifest comes from the second upstream if the first has none, refuses, fails or sends nonsense") {
  for (size_t i = 0; i < troubles().size(); ++i) {
    CAPTURE(i);
    Mirrors world;
    const auto digest = world.second.manifest(kRepository, "3.20", kImage, image("second"));
    world.hub.always(kTag, troubles()[i]);
    world.hub.always(target_of(digest.text()), troubles()[i]);
    const auto by_digest = world.get(target_of(digest.text()));
    CHECK(by_digest.body == image("second"));
    const auto answer = world.get(kTag);
    CHECK(answer.status == 200);
    CHECK(answer.body == image("second"));
    CHECK(answer.headers.find("Warning") == nullptr);
  }
}

TEST_CASE("wrong bytes of the first upstream are followed by the second's") {
  Mirrors world;
  const auto digest = world.second.manifest(kRepository, "3.20", kImage, image("second"));
  world.hub.manifest(kRepository, "3.20", kImage, image("second"));
  world.hub.always(target_of(digest.text()), Fault::wrong_last_byte());
  world.hub.always(kTag, Fault::wrong_last_byte());
  CHECK(world.get(target_of(digest.text())).body == image("second"));
  CHECK(world.get(kTag).body == image("second"));
}

TEST_CASE("nobody waits for a first upstream that is silent, and for a while it is asked second") {
  Mirrors world;
  world.upstreams_settings.silence_max_ms = 20;
  for (const char* tag : {"1", "2", "3"}) {
    world.second.manifest(kRepository, tag, kImage, image(tag));
    world.hub.always(target_of(tag), Fault::silent());
  }
  CHECK(world.get(target_of("1")).body == image("1"));
  CHECK(world.asked_first(target_of("1")) == 1);
  CHECK(world.get(target_of("2")).body == image("2"));
  CHECK(world.asked_first(target_of("2")) == 0);
  world.clock().advance(seconds(31));
  CHECK(world.get(target_of("3")).body == image("3"));
  CHECK(world.asked_first(target_of("3")) == 1);
  world.hub.release();
}

TEST_CASE(
    "a first upstream that fails is asked second for a second, and an answer makes it the first again") {
  Mirrors world;
  for (const char* tag : {"1", "2", "3", "4"}) {
    world.hub.manifest(kRepository, tag, kImage, image(tag));
    world.second.manifest(kRepository, tag, kImage, image(tag));
  }
  world.hub.always(target_of("1"), Fault::reply(503));
  CHECK(world.get(target_of("1")).body == image("1"));
  CHECK(world.asked_first(target_of("1")) == 1);  // the second is the retry
  CHECK(world.get(target_of("2")).body == image("2"));
  CHECK(world.asked_first(target_of("2")) == 0);
  world.clock().advance(seconds(1));
  for (const char* tag : {"3", "4"}) {
    CHECK(world.get(target_of(tag)).body == image(tag));
    CHECK(world.asked_first(target_of(tag)) == 1);
  }
}

TEST_CASE("a tag that only the second upstream has is renewed there by HEAD, and is not old") {
  for (const auto& trouble : {Fault::reply(404), Fault::reply(503), Fault::hang_up()}) {
    Mirrors world;
    world.hub.always(kTag, trouble);
    world.second.manifest(kRepository, "3.20", kImage, image("second"));
    world.get(kTag);
    world.clock().advance(minutes(2));
    const auto answer = world.get(kTag);
    CHECK(answer.body == image("second"));
    CHECK(answer.headers.find("Warning") == nullptr);
    CHECK(world.second.count("HEAD", kTag) == 1);
    CHECK(world.second.count("GET", kTag) == 1);
  }
}

TEST_CASE("a first upstream that refuses HEAD alone still says what a tag is") {
  Mirrors world;
  world.hub.manifest(kRepository, "3.20", kImage, image("old"));
  world.second.manifest(kRepository, "3.20", kImage, image("old"));
  world.get(kTag);
  world.hub.manifest(kRepository, "3.20", kImage, image("new"));
  world.hub.next(kTag, Fault::reply(403));
  world.clock().advance(minutes(2));
  CHECK(world.get(kTag).body == image("new"));
  CHECK(world.second.count() == 0);
}

TEST_CASE("while both upstreams are unwell what was pulled before is served, and says that it is old") {
  Mirrors world;
  world.second.manifest(kRepository, "3.20", kImage, image("second"));
  world.get(kTag);
  world.hub.shut();
  world.second.shut();
  world.clock().advance(minutes(2));
  const auto answer = world.get(kTag);
  CHECK(answer.body == image("second"));
  CHECK(answer.headers.get("Warning").starts_with("299 - "));
  CHECK(world.get(target_of("unknown")).status == 503);
}

TEST_CASE("a client learns that there is none only if both upstreams say so") {
  const auto layer = digest_of("layer");
  for (const int status : {404, 503, 500}) {
    CAPTURE(status);
    Mirrors world;
    for (const auto& path : {kTag, kList, blob_of(layer)}) {
      world.second.always(path, Fault::reply(status));
      CHECK(world.get(path).status == (status == 404 ? 404 : 503));
    }
    world.second.always(blob_of(digest_of("another")), Fault::reply(status));
    CHECK(world.head(blob_of(digest_of("another"))).status == (status == 404 ? 404 : 503));
    world.finish_fills();
  }
}

TEST_CASE("each upstream sees its own credentials, and never the other's") {
  Mirrors world;
  world.hub_registry_client.credentials = proxy::Credentials("me", "first");
  world.further_registry_clients[0].credentials = proxy::Credentials("you", "second");
  world.hub.ask_for_password("me", "first");
  world.second.ask_for_password("you", "second");
  const auto digest = world.second.manifest(kRepository, "3.20", kImage, image("second"));
  const auto layer = world.second.blob(kRepository, content_of(1'000, 2));
  world.second.answer(referrers_of(digest), referrer_list({"s"}));
  world.hub.manifest(kRepository, "1", kImage, image("first"));
  CHECK(world.get(target_of("1")).status == 200);
  CHECK(world.get(kTag).status == 200);
  CHECK(world.get(kList).status == 404);
  CHECK(world.get(referrers_of(digest)).status == 200);
  CHECK(world.head(blob_of(layer)).status == 200);
  CHECK(world.get(blob_of(layer)).status == 200);
  world.finish_fills();
  REQUIRE(world.hub.count() > 5);
  REQUIRE(world.second.count() > 5);
  const std::string firsts = "Basic bWU6Zmlyc3Q=", seconds_own = "Basic eW91OnNlY29uZA==";
  for (const auto& brought : Mirrors::brought_to(world.hub)) CHECK((brought.empty() || brought == firsts));
  for (const auto& brought : Mirrors::brought_to(world.second))
    CHECK((brought.empty() || brought == seconds_own));
}

TEST_CASE("an upstream without credentials is asked without, whatever another wants") {
  Mirrors world;
  world.hub_registry_client.credentials = proxy::Credentials("me", "first");
  world.hub.ask_for_password("me", "changed");
  world.second.manifest(kRepository, "3.20", kImage, image("second"));
  CHECK(world.get(kTag).status == 200);
  for (const auto& brought : Mirrors::brought_to(world.second)) CHECK(brought.empty());
}

TEST_CASE("a tag list comes from the second upstream if the first has none, refuses or fails") {
  for (size_t i = 0; i < troubles().size(); ++i) {
    CAPTURE(i);
    Mirrors world;
    world.hub.always(kList, troubles()[i]);
    world.second.answer(kList, tag_list({"a", "b"}));
    const auto answer = world.get(kList);
    CHECK(answer.body == tags({"a", "b"}));
    CHECK(answer.headers.find("Warning") == nullptr);
    CHECK(answer.headers.find("Link") == nullptr);
  }
}

TEST_CASE("all pages of a list of tags come from the upstream that it began with") {
  Mirrors world;
  world.hub.next(kList, Fault::reply(404));
  world.hub.answer("/v2/library/other/tags/list", tag_list({"x"}, "<?page=x>; rel=\"next\""));
  world.second.next(kList, Fault::reply(200,
                                        {{"Content-Type", "application/json"},
                                         {"Link", "<" + kList + "?page=2&n=2>; rel=\"next\""}},
                                        tags({"a", "b"})));
  const auto first = world.get(kList + "?n=2&ns=docker.io");
  CHECK(first.body == tags({"a", "b"}));
  CHECK(first.headers.get("Link") ==
        "</v2/library/alpine/tags/list?page=2&n=2&ns=docker.io&of=1>; rel=\"next\"");
  world.second.next(kList, Fault::reply(503));
  const std::string rest = kList + "?page=2&n=2&ns=docker.io&of=1";
  CHECK(world.get(rest).status == 503);
  world.second.answer(kList, tag_list({"c"}));
  world.clock().advance(minutes(1));
  CHECK(world.get(rest).body == tags({"c"}));
  REQUIRE(world.second.count() > 0);
  CHECK(world.second.seen().back().target == kList + "?page=2&n=2");
  CHECK(world.hub.count("GET", kList) == 1);
  CHECK(world.get("/v2/library/other/tags/list").headers.get("Link") ==
        "</v2/library/other/tags/list?page=x&of=0>; rel=\"next\"");
  CHECK(world.get(kList + "?page=2&of=2").status == 400);
}

TEST_CASE("a mirror of one upstream says nothing of it in its links, and understands no such thing") {
  MirrorWorld world;
  world.hub.answer(kList, tag_list({"a"}, "<?page=2>; rel=\"next\""));
  CHECK(world.get(kList).headers.get("Link") == "</v2/library/alpine/tags/list?page=2>; rel=\"next\"");
  CHECK(world.get(kList + "?page=2&of=7").status == 200);
  CHECK(world.hub.seen().back().target == kList + "?page=2&of=7");
}

TEST_CASE("a second upstream that ignores n and last is paged here") {
  Mirrors world;
  world.second.answer(kList, tag_list({"c", "a", "b"}));
  const auto first = world.get(kList + "?n=2");
  CHECK(first.body == tags({"a", "b"}));
  CHECK(first.headers.get("Link") == "</v2/library/alpine/tags/list?n=2&last=b&of=whole>; rel=\"next\"");
  CHECK(world.get(kList + "?n=2&last=b&of=whole").body == tags({"c"}));
}

TEST_CASE("a list that is too long to be kept passes through from the upstream that has it, page by page") {
  Mirrors world;
  std::vector<std::string> names;
  for (int i = 0; i < 400'000; ++i) names.push_back("tag-" + std::to_string(i));
  world.second.answer(kList, tag_list(names, "<?page=2>; rel=\"next\""));
  const auto answer = world.get(kList);
  CHECK(answer.body == tags(names));
  CHECK(answer.headers.get("Link") == "</v2/library/alpine/tags/list?page=2&of=1>; rel=\"next\"");
  CHECK(world.hub.count("GET", kList) == 1);
}

TEST_CASE("referrers come from the first upstream that lists any") {
  const auto subject = digest_of("subject");
  auto faults = troubles();
  for (size_t i = 0; i < faults.size(); ++i) {
    CAPTURE(i);
    Mirrors world;
    world.hub.always(referrers_of(subject), faults[i]);
    world.second.answer(referrers_of(subject), referrer_list({"s"}));
    const auto answer = world.get(referrers_of(subject));
    CHECK(lists(answer, "s"));
    CHECK(answer.headers.find("Warning") == nullptr);
  }
  Mirrors world;  // the first does not have the subject
  world.hub.answer(referrers_of(subject), referrer_list({}));
  world.second.answer(referrers_of(subject), referrer_list({"s"}));
  CHECK(lists(world.get(referrers_of(subject)), "s"));
}

TEST_CASE("there are no referrers only if both upstreams list none, by the API and by the fallback tag") {
  const auto subject = digest_of("subject");
  const auto empty = R"("manifests":[])";
  Mirrors world;
  world.hub.answer(referrers_of(subject), referrer_list({}));
  CHECK(world.get(referrers_of(subject)).body.find(empty) != std::string::npos);
  world.clock().advance(minutes(1));
  world.second.manifest(kRepository, "sha256-" + subject.hex(), kIndex, referrer_list({"s"}).body);
  const auto by_tag = world.get(referrers_of(subject));
  CHECK(lists(by_tag, "s"));
  CHECK(by_tag.headers.find("Warning") == nullptr);
  for (const int status : {403, 413, 503}) {
    CAPTURE(status);
    Mirrors refused;
    refused.hub.answer(referrers_of(subject), referrer_list({}));
    refused.second.always(referrers_of(subject), Fault::reply(status));
    CHECK(refused.get(referrers_of(subject)).status >= 400);
    CHECK(refused.get(referrers_of(subject)).status != 404);
  }
}

TEST_CASE(
    "all pages of referrers come from one upstream, and if they break off the next one is asked for all") {
  const auto subject = digest_of("subject");
  const auto path = referrers_of(subject);
  const auto page = [](const std::string& name, const std::string& link) {
    auto canned = referrer_list({name}, link);
    return Fault::reply(200, canned.headers, canned.body);
  };
  Mirrors world;
  world.hub.next(path, page("a", "<?page=2>; rel=\"next\""));
  world.hub.next(path, Fault::reply(403));
  world.second.next(path, page("b", "<?cursor=x>; rel=\"next\""));
  world.second.next(path, page("c", ""));
  const auto answer = world.get(path);
  CHECK(lists(answer, "b"));
  CHECK(lists(answer, "c"));
  CHECK_FALSE(lists(answer, "a"));
  REQUIRE(world.second.count() > 0);
  CHECK(world.second.seen().back().target == path + "?cursor=x");
}

TEST_CASE("a HEAD of a blob is answered by the second upstream if the first does not have it") {
  for (size_t i = 0; i < troubles().size(); ++i) {
    CAPTURE(i);
    Mirrors world;
    const auto layer = world.second.blob(kRepository, content_of(100'000, 3));
    world.hub.always(blob_of(layer), troubles()[i]);
    const auto answer = world.head(blob_of(layer));
    CHECK(answer.status == 200);
    const bool tells_nothing =
        troubles()[i].canned.status == 200 && troubles()[i].kind == Fault::Kind::canned;
    if (!tells_nothing) CHECK(answer.headers.get("Content-Length") == "100000");
  }
}

TEST_CASE("a blob that is here is served if the second upstream says that the repository has it") {
  Mirrors world;
  const auto layer = world.ghcr.blob("org/app", content_of(1'000, 4));
  CHECK(world.get_from_ghcr(FakeRegistry::blob_path("org/app", layer)).status == 200);
  world.finish_fills();
  world.hub.blob(kRepository, "another");
  world.hub.always(blob_of(layer), Fault::reply(200, {{"Content-Length", "7"}}));
  CHECK(world.get(blob_of(layer)).status == 404);
  world.second.blob(kRepository, content_of(1'000, 4));
  CHECK(world.get(blob_of(layer)).body == content_of(1'000, 4));
  CHECK(world.second.count("GET", blob_of(layer)) == 1);  // when it did not have it
}

TEST_CASE(
    "a layer whose first upstream has none, refuses, fails or sends wrong bytes comes from the second") {
  auto faults = troubles();
  faults.push_back(Fault::wrong_last_byte());
  for (size_t i = 0; i < faults.size(); ++i) {
    CAPTURE(i);
    Mirrors world;
    const auto content = content_of(1 << 20, 5);
    const auto layer = world.second.blob(kRepository, content);
    world.hub.blob(kRepository, content);
    world.hub.always(blob_of(layer), faults[i]);
    CHECK(world.get(blob_of(layer)).body == (faults[i].kind == Fault::Kind::wrong_last_byte ? "" : content));
    world.finish_fills();
    CHECK(world.holds(layer));
    CHECK(world.second.count("GET", blob_of(layer)) == 1);
    CHECK(world.get(blob_of(layer)).body == content);
  }
}

TEST_CASE("many layers at once come from the first upstream all of them") {
  Mirrors world;
  std::vector<std::string> paths;
  for (uint32_t number = 0; number < 20; ++number) {
    const std::string bytes = content_of(20'000, number);
    const auto digest = world.hub.blob(kRepository, bytes);
    world.second.blob(kRepository, bytes);
    paths.push_back(blob_of(digest));
  }
  for (const auto& answer : world.get_at_once(paths)) CHECK(answer.status == 200);
  CHECK(world.second.count() == 0);
}

TEST_CASE("a layer that breaks off goes on from the second upstream, and each byte is sent once") {
  Mirrors world;
  const auto content = content_of(1 << 20, 6);
  const auto layer = world.hub.blob(kRepository, content);
  world.second.blob(kRepository, content);
  world.hub.always(blob_of(layer), Fault::cut(500'000));
  CHECK(world.get(blob_of(layer)).body == content);
  world.finish_fills();
  CHECK(world.holds(layer));
  REQUIRE(world.second.count("GET", blob_of(layer)) == 1);
  CHECK(world.second.seen().back().headers.get("Range") == "bytes=500000-");
  CHECK(world.hub.body_bytes_sent() + world.second.body_bytes_sent() == content.size());
}

TEST_CASE("a layer whose first upstream is silent comes from the second, and the next layer at once") {
  Mirrors world;
  world.fill_settings.first_byte_wait_ms = 20;
  for (const uint32_t seed : {7U, 8U}) {
    const auto content = content_of(300'000, seed);
    const auto layer = world.second.blob(kRepository, content);
    world.hub.always(blob_of(layer), Fault::silent());
    CHECK(world.get(blob_of(layer)).body == content);
    CHECK(world.hub.count("GET", blob_of(layer)) == (seed == 7 ? 1 : 0));
  }
  world.finish_fills();
  world.hub.release();
}

TEST_CASE("layers are asked for of the upstream that gave the manifest, while the first is in trouble") {
  Mirrors world;
  world.hub.always(kTag, Fault::reply(503));
  world.second.manifest(kRepository, "3.20", kImage, image("second"));
  const auto layer = world.second.blob(kRepository, content_of(1'000, 9));
  CHECK(world.get(kTag).status == 200);
  CHECK(world.get(blob_of(layer)).status == 200);
  world.finish_fills();
  CHECK(world.asked_first(blob_of(layer)) == 0);
}

TEST_CASE("a range far ahead of the fill comes from the second upstream if the first is silent or broken") {
  for (const auto& fault : {Fault::silent(), Fault::reply(503), Fault::reply(404)}) {
    Mirrors world;
    world.mirror_settings.far_ahead_bytes = 100'000;
    world.pass_through_settings.silence_max_ms = 20;
    const auto content = content_of(4 << 20, 10);
    const auto layer = world.hub.blob(kRepository, content);
    world.second.blob(kRepository, content);
    world.hub.next(blob_of(layer), Fault::stall(50'000));
    world.hub.always(blob_of(layer), fault);
    auto follower = world.connect();
    follower->send("GET " + blob_of(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    run_until(world.loop, [&] { return world.hub.body_bytes_sent() == 50'000; });
    const auto answer = world.get(blob_of(layer), {{"Range", "bytes=3000000-3099999"}});
    CHECK(answer.status == 206);
    CHECK(answer.body == content.substr(3'000'000, 100'000));
    world.hub.release();
    CHECK(follower->receive_head().starts_with("HTTP/1.1 200"));
    world.finish_fills();
  }
}

TEST_CASE("without room a layer passes through from the second upstream if the first is silent or has none") {
  for (const auto& fault : {Fault::silent(), Fault::reply(503), Fault::reply(404)}) {
    Mirrors world;
    world.files.settings.bytes_max = 2 << 20;
    world.fill_settings.first_byte_wait_ms = 20;
    world.pass_through_settings.silence_max_ms = 20;
    const auto content = content_of(4 << 20, 11);
    const auto layer = world.second.blob(kRepository, content);
    world.hub.always(blob_of(layer), fault);
    CHECK(world.get(blob_of(layer)).body == content);
    CHECK(world.get(blob_of(layer), {{"Range", "bytes=1000-1999"}}).body == content.substr(1'000, 1'000));
    world.hub.release();
    world.finish_fills();
  }
}

}  // namespace breakwater::test
