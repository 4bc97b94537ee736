// A mirror with min_age: its tags move to what upstream has shown for so long, if there is something older.
#include <memory>
#include <string>
#include <utility>

#include "routes/oci/media_type.h"
#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/references/tag_histories.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kRepository = "library/alpine";
const store::RepositoryKey kKey{"dockerhub", kRepository};

std::string type() { return std::string(routes::kOciManifest); }
std::string path_of(const std::string& reference) {
  return FakeRegistry::manifest_path(kRepository, reference);
}

std::string image(char name) {
  return image_of(digest_of(std::string("config of ") + name), 100,
                  {{digest_of(std::string("layer of ") + name), 1000}});
}
store::Digest digest(char name) { return digest_of(image(name)); }

// What answers have in their Warning.
bool says(const Answer& answer, const std::string& text) {
  return std::string(answer.headers.get("Warning")).find(text) != std::string::npos;
}
bool holds_back(const Answer& answer, char name) {
  return says(answer, "upstream shows another digest since ") && says(answer, digest(name).text());
}
size_t warnings(const Answer& answer) {
  const std::string all(answer.headers.all("Warning"));
  size_t count = 0;
  for (size_t at = all.find("299 - "); at != std::string::npos; at = all.find("299 - ", at + 1)) ++count;
  return count;
}
bool is_quiet(const Answer& answer) { return answer.headers.find("Warning") == nullptr; }

struct CoolWorld : MirrorWorld {
  CoolWorld() { mirror_settings.min_age_ms = std::chrono::milliseconds(hours(72)).count(); }

  void push(char name) { hub.manifest(kRepository, "1", type(), image(name)); }
  Answer pull(const std::string& reference = "1") {
    return get("/v2/" + std::string(kRepository) + "/manifests/" + reference);
  }
  // As pull(), when upstream is asked again; the name of the image that comes.
  Answer pull_after(std::chrono::milliseconds time) {
    clock().advance(time);
    return pull();
  }
  // Its bytes are gone from the disk, and from memory by a restart.
  void evict(char name) {
    start();
    REQUIRE(*store().blobs().evict(digest(name)));
    stop();
  }
  // Upstream has it under no name any more.
  void lose(char name) { hub.always(path_of(digest(name).text()), Fault::reply(404)); }
  size_t gets(const std::string& reference) { return hub.count("GET", path_of(reference)); }
  size_t heads() { return hub.count("HEAD", path_of("1")); }
};

}  // namespace

TEST_CASE("a tag stays what it was until what upstream shows is old enough, and the answer says until when") {
  CoolWorld world;
  world.push('a');
  CHECK(is_quiet(world.pull()));
  world.push('b');
  const auto held_back = world.pull_after(hours(1));
  CHECK(held_back.body == image('a'));
  CHECK(held_back.headers.get("Docker-Content-Digest") == digest('a').text());
  CHECK(held_back.headers.get("Warning") ==
        "299 - \"upstream shows another digest since 2023-11-14T23:13:20Z, which is served from "
        "2023-11-17T23:13:20Z on: " +
            digest('b').text() + "\"");
  CHECK(holds_back(world.pull(), 'b'));
  CHECK(world.pull_after(hours(72) - minutes(1)).body == image('a'));
  const auto moved = world.pull_after(minutes(2));
  CHECK(moved.body == image('b'));
  CHECK(is_quiet(moved));
  CHECK(is_quiet(world.pull()));
  CHECK(world.files.log.count("tag_held_back") == 1);
}

TEST_CASE("what is held back is kept when it is seen first, so that it is here when its time comes") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  CHECK(world.holds(digest('b')));
  CHECK(world.pull(digest('b').text()).body == image('b'));
  CHECK(is_quiet(world.pull(digest('b').text())));
  world.lose('b');
  CHECK(world.pull_after(hours(73)).body == image('b'));
  CHECK(world.gets("1") == 1);
  CHECK(world.gets(digest('b').text()) == 1);
}

TEST_CASE("a tag that upstream moves every day follows, three days behind") {
  CoolWorld world;
  std::string served;
  for (char name = 'a'; name <= 'z'; ++name) {
    world.push(name);
    const auto answer = world.pull_after(hours(24));
    for (char one = 'a'; one <= 'z'; ++one) served += answer.body == image(one) ? one : '\0';
    std::erase(served, '\0');
  }
  CHECK(served == "aaaabcdefghijklmnopqrstuvw");
}

TEST_CASE("with a min_age beyond what is kept of a tag it moves on all the same") {
  CoolWorld world;
  world.mirror_settings.min_age_ms = std::chrono::milliseconds(hours(24 * 30)).count();
  for (int day = 0; day < 100; ++day) {
    world.hub.manifest(kRepository, "1", type(), image(static_cast<char>(day + 1)));
    world.pull_after(hours(24));
  }
  const auto body = world.pull().body;
  char served = 0;
  for (char day = 0; day < 100; ++day) served = body == image(static_cast<char>(day + 1)) ? day : served;
  CHECK(served <= 69);
  CHECK(served >= 60);
}

TEST_CASE("what was seen first counts over restarts, and not by the wall clock") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  world.stop();
  world.clock().set_wall_by(hours(1000));
  CHECK(world.pull_after(hours(71)).body == image('a'));
  world.stop();
  world.clock().set_wall_by(-hours(2000));
  CHECK(world.pull_after(hours(1)).body == image('b'));
}

TEST_CASE("upstream that goes back to what is old enough is followed at once, and not forward again") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  CHECK(world.pull_after(hours(80)).body == image('a'));
  CHECK(world.pull_after(hours(72)).body == image('b'));
  world.push('a');
  const auto back = world.pull_after(hours(1));
  CHECK(back.body == image('a'));
  CHECK(is_quiet(back));
  world.push('c');
  const auto held_back = world.pull_after(hours(1));
  CHECK(held_back.body == image('a'));
  CHECK(holds_back(held_back, 'c'));
}

TEST_CASE("a bad push that upstream took back is not served when it would have been due") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(80));
  world.push('a');
  CHECK(is_quiet(world.pull_after(hours(1))));
  world.push('c');
  world.pull_after(hours(1));
  CHECK(world.pull_after(hours(71)).body == image('a'));
  CHECK(world.pull_after(hours(1)).body == image('c'));
}

TEST_CASE("a tag whose manifest was evicted is answered with the older digest, as long as upstream has it") {
  for (const bool is_there : {true, false}) {
    CAPTURE(is_there);
    CoolWorld world;
    world.push('a');
    world.pull();
    world.clock().advance(hours(100));
    world.evict('a');
    world.start();
    CHECK_FALSE(*world.store().catalog().tag(kKey, "1", store::Reach::disk));
    world.push('b');
    if (!is_there) world.lose('a');
    const auto answer = world.pull();
    CHECK(answer.body == image(is_there ? 'a' : 'b'));
    CHECK(holds_back(answer, 'b') == is_there);
    const char* kGone = "it is served because upstream has nothing older any more";
    CHECK(says(answer, kGone) == !is_there);
    CHECK(says(world.pull(), kGone) == !is_there);
    CHECK(world.pull_after(hours(73)).body == image('b'));
    CHECK(is_quiet(world.pull()));
  }
}

TEST_CASE("an older digest that upstream refuses or is too unwell to send makes no way for a young one") {
  for (const int status : {403, 500, 503}) {
    CAPTURE(status);
    CoolWorld world;
    world.push('a');
    world.pull();
    world.evict('a');
    world.push('b');
    world.hub.always(path_of(digest('a').text()), Fault::reply(status));
    CHECK(world.pull_after(hours(1)).status >= 400);
    world.hub.heal();
    CHECK(world.pull_after(hours(1)).body == image('a'));
  }
}

TEST_CASE("what is due and was evicted is fetched by its digest, and without it the tag stays") {
  for (const bool is_there : {true, false}) {
    CAPTURE(is_there);
    CoolWorld world;
    world.push('a');
    world.pull();
    world.push('b');
    world.pull_after(hours(1));
    world.push('c');
    world.pull_after(hours(30));
    world.evict('b');
    if (!is_there) world.lose('b');
    const auto answer = world.pull_after(hours(43));
    CHECK(answer.body == image(is_there ? 'b' : 'a'));
    CHECK(holds_back(answer, 'c'));
  }
}

TEST_CASE("a HEAD that shows what is held back makes the tag fresh") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  CHECK(world.heads() == 1);
  for (int i = 0; i < 5; ++i) CHECK(holds_back(world.pull(), 'b'));
  CHECK(world.heads() == 1);
  world.pull_after(minutes(2));
  CHECK(world.heads() == 2);
  CHECK(world.gets("1") + world.gets(digest('a').text()) + world.gets(digest('b').text()) == 2);
}

TEST_CASE("while upstream is down what was served stays, and what is here and due by then is served") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  world.hub.shut();
  const auto stale = world.pull_after(hours(1));
  CHECK(stale.body == image('a'));
  CHECK(warnings(stale) == 2);
  const auto due = world.pull_after(hours(72));
  CHECK(due.body == image('b'));
  CHECK(warnings(due) == 1);
  CHECK(due.headers.get("Age") == std::to_string(73 * 3600));
}

TEST_CASE("a HEAD without a digest, and one that upstream does not have, are asked after by GET") {
  const auto unknown = digest_of("unknown").text();
  for (const auto& fault : {Fault::reply(200), Fault::reply(405), Fault::reply(403),
                            Fault::reply(200, {{"Docker-Content-Digest", unknown}})}) {
    CAPTURE(fault.canned.status);
    CoolWorld world;
    world.push('a');
    world.pull();
    world.push('b');
    world.hub.next(path_of("1"), fault);
    const auto answer = world.pull_after(hours(1));
    CHECK(answer.body == image('a'));
    CHECK(holds_back(answer, 'b'));
    CHECK(world.holds(digest('b')));
    world.hub.next(path_of("1"), fault);
    CHECK(world.pull_after(hours(72)).body == image('b'));
  }
}

TEST_CASE("a tag that moves between HEAD and GET does not move past min_age") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  world.evict('b');
  world.push('c');
  world.hub.next(path_of("1"), Fault::reply(200, {{"Docker-Content-Digest", digest('b').text()}}));
  CHECK(world.pull_after(hours(72)).body == image('b'));
}

TEST_CASE("a tag that upstream does not have any more is as it would be without min_age") {
  CoolWorld world;
  world.push('a');
  world.pull();
  world.push('b');
  world.pull_after(hours(1));
  world.hub.untag(kRepository, "1");
  CHECK(world.pull_after(hours(1)).body == image('a'));
  CHECK(world.pull_after(hours(24)).status == 404);
}

TEST_CASE("without min_age nothing is kept of what a tag was, and a tag moves at once") {
  CoolWorld world;
  world.mirror_settings.min_age_ms = 0;
  world.push('a');
  world.pull();
  world.push('b');
  CHECK(world.pull_after(hours(1)).body == image('b'));
  CHECK_FALSE(*world.store().catalog().history(kKey, "1", store::Reach::disk));
}

TEST_CASE("min_age can be switched on, when what is held counts as old as its tag, and off again") {
  CoolWorld world;
  const auto min_age_ms = std::exchange(world.mirror_settings.min_age_ms, 0);
  world.push('a');
  world.pull();
  world.stop();
  world.mirror_settings.min_age_ms = min_age_ms;
  world.push('b');
  const auto held_back = world.pull_after(hours(100));
  CHECK(held_back.body == image('a'));
  CHECK(holds_back(held_back, 'b'));
  CHECK((*world.store().catalog().history(kKey, "1", store::Reach::disk))->sightings.size() == 2);
  world.stop();
  world.mirror_settings.min_age_ms = 0;
  const auto moved = world.pull_after(hours(1));
  CHECK(moved.body == image('b'));
  CHECK(is_quiet(moved));
}

TEST_CASE("signatures do not wait") {
  CoolWorld world;
  const std::string tag = "sha256-" + digest('a').hex() + ".sig";
  const std::string target = "/v2/" + std::string(kRepository) + "/manifests/" + tag;
  world.hub.manifest(kRepository, tag, type(), image('a'));
  world.get(target);
  world.hub.manifest(kRepository, tag, type(), image('b'));
  world.clock().advance(hours(1));
  CHECK(world.get(target).body == image('b'));
}

TEST_CASE("a manifest whose digest is of what was signed waits as any other") {
  CoolWorld world;
  const std::string payload = "{\n   \"schemaVersion\": 1,\n   \"fsLayers\": []\n}";
  const std::string body = payload.substr(0, payload.size() - 2) +
                           R"(,
   "signatures": [{"header": {}, "signature": "c2ln", "protected": )"
                           R"("eyJmb3JtYXRMZW5ndGgiOjQyLCJmb3JtYXRUYWlsIjoiQ24wIn0"}])"
                           "\n}";
  const auto signed_digest = digest_of(payload);
  const Canned canned(200,
                      {{"Content-Type", std::string(routes::kDockerSchema1Signed)},
                       {"Docker-Content-Digest", signed_digest.text()}},
                      body);
  world.push('a');
  world.pull();
  world.hub.answer(path_of("1"), canned);
  world.hub.answer(path_of(signed_digest.text()), canned);
  CHECK(world.pull_after(hours(1)).body == image('a'));
  CHECK(world.pull_after(hours(71)).body == image('a'));
  const auto due = world.pull_after(hours(1));
  CHECK(due.body == body);
  CHECK(due.headers.get("Docker-Content-Digest") == signed_digest.text());
  CHECK(world.pull_after(hours(1)).body == body);
}

TEST_CASE("an operator can move a tag at once, for good, also while a question is under way") {
  for (const bool is_asked : {false, true}) {
    CAPTURE(is_asked);
    CoolWorld world;
    world.push('a');
    world.pull();
    world.push('b');
    CHECK(world.pull_after(hours(1)).body == image('a'));
    std::unique_ptr<RawClient> client;
    if (is_asked) {
      world.hub.next(path_of("1"), Fault::silent());
      world.clock().advance(hours(1));
      client = world.connect();
      client->send("GET /v2/library/alpine/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n");
      run_until(world.loop, [&world] { return world.heads() == 2; });
    }
    auto moving = [](MirrorWorld& of, Result<routes::ServedManifest>& result) -> proxy::Task<> {
      result = co_await of.hub_mirror().move_now(kRepository, "1");
    };
    Result<routes::ServedManifest> moved = failure(Error::Kind::internal, "not asked");
    auto task = moving(world, moved);
    task.start();
    world.hub.release();
    run_until(world.loop, [&task] { return task.done(); });
    REQUIRE(moved);
    CHECK(*moved->bytes == image('b'));
    CHECK(world.pull().body == image('b'));
    const auto later = world.pull_after(hours(1));
    CHECK(later.body == image('b'));
    CHECK(is_quiet(later));
    world.push('c');
    CHECK(holds_back(world.pull_after(hours(1)), 'c'));
  }
}

TEST_CASE("min_age holds for any registry, for each by itself") {
  CoolWorld world;
  world.any_registries = {"gcr.io"};
  const std::string target = "/v2/org/app/manifests/1?ns=gcr.io";
  world.other.manifest("org/app", "1", type(), image('a'));
  CHECK(world.get(target).body == image('a'));
  world.other.manifest("org/app", "1", type(), image('b'));
  world.clock().advance(hours(1));
  CHECK(holds_back(world.get(target), 'b'));
  world.clock().advance(hours(72));
  CHECK(world.get(target).body == image('b'));
}

}  // namespace breakwater::test
