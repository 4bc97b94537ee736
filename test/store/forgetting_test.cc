// A route that is not configured any more: who is told, what goes, and what stays for others.
#include "store/upkeep/forgetting.h"

#include <chrono>
#include <stop_token>

#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/pins.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/upkeep/backup.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using test::digest_of;
using test::PushedWorld;

const RepositoryKey kOld{"old", "team/app"};
const RepositoryKey kAlpine{"dockerhub", "library/alpine"};

// A registry `old` beside `private`, with an image of its own, one that both have, and an upload.
struct LeftWorld : PushedWorld {
  const std::string alone = std::string(9000, 'a'), shared = std::string(9000, 's');

  LeftWorld() {
    settings.registry_routes = {"private", "old"};
    REQUIRE(open());
    for (const std::string& layer : {alone, shared}) REQUIRE(try_upload(layer, kOld));
    push_to(kOld, "image", {digest_of(alone), digest_of(shared)}, {"latest", "v1"});
    upload(shared);
    push_to(app, "image of private", {digest_of(shared)}, {"latest"});
    REQUIRE(store->partials().put_upload("upload-old", {"old", "team/app", Algorithm::sha256, {}}));
    auto partial = store->partials().receive("old", "upload-old", Algorithm::sha256);
    REQUIRE(partial->writer->append(std::string(5000, 'u')));
  }
  void push_to(const RepositoryKey& repository, const std::string& text, const std::vector<Digest>& children,
               const std::vector<std::string>& tags) {
    const auto missing =
        store->manifests().push(repository, digest_of(text), text, content_of(text, children), tags);
    REQUIRE(missing);
    REQUIRE(missing->empty());
  }
  void leave() {
    settings.registry_routes = {"private"};
    REQUIRE(open());
  }
  Result<Forgotten> forget(const std::string& route = "old") {
    return store->forget_route(route, std::stop_token());
  }
  bool knows_old() {
    const auto left = left_routes(store->parts());
    REQUIRE(left);
    return left->contains("old");
  }
};

}  // namespace

TEST_CASE("a route that is configured is not forgotten, nor one that never was") {
  LeftWorld world;
  CHECK(left_routes(world.store->parts())->empty());
  CHECK(world.forget().error().kind == Error::Kind::conflict);
  CHECK(world.forget("nobody").error().kind == Error::Kind::not_found);
  CHECK(world.forget("").error().kind == Error::Kind::not_found);
  world.leave();
  CHECK(left_routes(world.store->parts()) ==
        std::map<std::string, uint64_t>{{"old", 2 * on_disk(9000) + 4096 + on_disk(5000)}});
  CHECK(world.forget("nobody").error().message.find("not configured any more: old") != std::string::npos);
}

TEST_CASE("a registry that is forgotten gives its room back, and what others need counts for them") {
  LeftWorld world;
  world.leave();
  const auto before = world.store->budget().of("private").stored;
  const auto planned = world.store->what_is_left_of("old");
  REQUIRE(planned);
  CHECK(world.knows_old());
  const auto forgotten = world.forget();
  REQUIRE(forgotten);
  for (const Forgotten& told : {*planned, *forgotten}) {
    CHECK(told.uploads == 1);
    CHECK(told.manifests == 1);
    CHECK(told.tags == 2);
    CHECK(told.bytes == on_disk(9000) + 4096 + on_disk(5000));
    CHECK(told.bytes_handed == on_disk(9000));
    CHECK(told.bytes_left == 0);
  }
  CHECK_FALSE(world.knows_old());
  CHECK(world.store->budget().of("private").stored == before + on_disk(9000));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
  CHECK_FALSE(world.is_stored(digest_of(world.alone)));
  CHECK_FALSE(world.is_stored(digest_of("image")));
  CHECK(world.has_blob(digest_of(world.shared)));
  CHECK(world.store->catalog().by_digest().links(digest_of(world.shared)) ==
        std::vector<RepositoryKey>{world.app});
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.store->catalog().queues().upload_ids()->empty());
  CHECK(world.store->catalog().tags(kOld, "", 9)->empty());
  CHECK(world.forget().error().kind == Error::Kind::not_found);

  // Nothing of it is left for the collector to stumble over, nor for a start.
  world.pass(hours(2));
  world.collect();
  world.crash();
  REQUIRE(world.open());
  CHECK(world.has_blob(digest_of(world.shared)));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
}

TEST_CASE("the pins of a route that is forgotten go with it, and what a pin of another keeps stays") {
  LeftWorld world;
  REQUIRE(world.store->references().pin({"old", "*"}));
  REQUIRE(world.store->references().link(kAlpine, digest_of(world.alone)));
  REQUIRE(world.store->references().pin({"dockerhub", "library/alpine"}));
  world.settings.route_bytes_max["dockerhub"] = 4096;
  world.leave();
  const auto forgotten = world.forget();
  REQUIRE(forgotten);
  CHECK(forgotten->bytes_left == on_disk(9000));
  CHECK(world.is_stored(digest_of(world.alone)));
  REQUIRE(world.store->pins().list()->size() == 1);
  CHECK(world.store->pins().list()->front().what.route == "dockerhub");
}

TEST_CASE("a mirror that is forgotten gives its room back, and is no mirror any more at the next start") {
  LeftWorld world;
  const std::string mirrored(9000, 'm'), common(9000, 'c');
  REQUIRE(world.put(kAlpine, mirrored));
  REQUIRE(world.put(kAlpine, common));
  REQUIRE(world.store->references().link({"ghcr", "team/app"}, digest_of(common)));
  REQUIRE(world.store->manifests().put(kAlpine, digest_of("m"), "m", {}, "latest", Durability::buffered));
  world.settings.mirror_routes = {"ghcr"};
  REQUIRE(world.open());
  const auto forgotten = world.forget("dockerhub");
  REQUIRE(forgotten);
  CHECK(forgotten->bytes == on_disk(9000) + 4096);
  CHECK(forgotten->bytes_handed == on_disk(9000));
  CHECK_FALSE(world.holds(mirrored));
  CHECK(world.holds(common));
  CHECK(world.store->budget().of("ghcr").stored == on_disk(9000));
  CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
  REQUIRE(world.open());
  CHECK_FALSE(world.store->rules().is_mirror("dockerhub"));
}

TEST_CASE("what a full route needs stays on the account of before until there is room for it") {
  LeftWorld world;
  world.settings.route_bytes_max["private"] = 8192;
  world.leave();
  const auto forgotten = world.forget();
  REQUIRE(forgotten);
  CHECK(forgotten->bytes_left == on_disk(9000));
  CHECK(world.has_blob(digest_of(world.shared)));
  CHECK(world.knows_old());
  world.settings.route_bytes_max.clear();
  REQUIRE(world.open());
  CHECK(world.forget()->bytes_handed == on_disk(9000));
  CHECK_FALSE(world.knows_old());
}

TEST_CASE("what was stopped while it forgot a route is gone on with, wherever it stopped", "[one-thread]") {
  const bool loses_power = GENERATE(false, true);
  bool was_cut = true;
  for (uint64_t step = 1; was_cut; ++step) {
    INFO(step);
    REQUIRE(step < 200);
    LeftWorld world;
    world.leave();
    world.disk.cut_at_change(step);
    const auto forgotten = world.forget();
    was_cut = !forgotten;
    world.crash();
    if (loses_power) world.disk.power_cut();
    world.disk.heal();
    REQUIRE(world.open());
    const auto again = world.forget();
    REQUIRE((again || again.error().kind == Error::Kind::not_found));
    CHECK_FALSE(world.knows_old());
    // A file whose way to the trash the power cut has undone is nobody's, and goes in time.
    world.pass(hours(2));
    world.collect();
    CHECK(world.store->catalog().by_digest().links(digest_of(world.alone))->empty());
    CHECK(world.store->catalog().tags(kOld, "", 9)->empty());
    CHECK(world.store->catalog().queues().upload_ids()->empty());
    CHECK(world.has_blob(digest_of(world.shared)));
    CHECK_FALSE(world.is_stored(digest_of(world.alone)));
    CHECK(world.store->budget().of("old").taken() == 0);
    CHECK(world.store->budget().whole().stored == world.bytes_on_disk());
    CHECK(world.files_in("trash") == 0);
  }
}

TEST_CASE("who asks to stop is told that it is not done") {
  LeftWorld world;
  world.leave();
  std::stop_source stop;
  stop.request_stop();
  const auto forgotten = world.store->forget_route("old", stop.get_token());
  REQUIRE(forgotten);
  CHECK(forgotten->is_cut);
  CHECK(world.knows_old());
  CHECK(world.is_stored(digest_of(world.alone)));
  CHECK_FALSE(world.forget()->is_cut);
  CHECK_FALSE(world.knows_old());
}

}  // namespace breakwater::store
