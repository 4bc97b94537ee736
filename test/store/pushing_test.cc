// What a registry of our own takes in, tells, and removes on request.
#include <algorithm>
#include <chrono>
#include <filesystem>

#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using test::digest_of;
using test::PushedWorld;

}  // namespace

TEST_CASE(
    "a manifest is stored only when all that it needs is in its repository, and the answer names what is "
    "not") {
  PushedWorld world;
  const Digest here = world.upload("here");
  const Digest elsewhere = world.upload("elsewhere", world.other);
  const Digest nowhere = digest_of("nowhere");
  const auto missing = world.try_push("image", {here, elsewhere, nowhere}, {"latest"});
  REQUIRE(missing);
  CHECK(*missing == std::vector<Digest>{elsewhere, nowhere});
  CHECK_FALSE(world.has_manifest(digest_of("image")));
  CHECK_FALSE(world.has_tag("latest"));
}

TEST_CASE("what has lost its file is missing, although the catalog knows it") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const std::string hex = layer.hex();
  REQUIRE(std::filesystem::remove(world.settings.data / "blobs" / "sha256" / hex.substr(0, 2) / hex));
  const auto missing = world.try_push("image", {layer}, {"latest"});
  REQUIRE(missing);
  CHECK(*missing == std::vector<Digest>{layer});
  CHECK_FALSE(world.has_tag("latest"));
}

TEST_CASE("an index may name what the repository has as a manifest or as a blob") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  world.push("index", {image, layer}, {"latest"});
  CHECK(world.store->references().lease_tag(world.app, "latest", Reach::disk)->digest == digest_of("index"));
}

TEST_CASE("a tag that is taken over is as old as it was, and goes before nothing that came meanwhile") {
  PushedWorld world;
  const Digest old = world.push("old", {}, {"latest"}), other = world.push("other", {}, {});
  const auto before = world.store->catalog().tag(world.app, "latest", Reach::disk).value();
  REQUIRE(before);
  const Time then = world.clock.wall() - std::chrono::hours(5);
  auto& references = world.store->references();
  CHECK(references.take_tag(world.app, "latest", {other, "type", then, then}, std::nullopt) == false);
  CHECK(references.take_tag(world.app, "new", {other, "type", then, then}, *before) == false);
  const Digest newest = world.push("newest", {}, {"latest"});
  CHECK(references.take_tag(world.app, "latest", {other, "type", then, then}, before) == false);
  const auto now = world.store->catalog().tag(world.app, "latest", Reach::disk).value();
  REQUIRE(now);
  CHECK(now->digest == newest);
  CHECK(references.take_tag(world.app, "latest", {other, "type", then, then}, now) == true);
  const auto taken = world.store->catalog().tag(world.app, "latest", Reach::disk).value();
  REQUIRE(taken);
  CHECK(taken->digest == other);
  CHECK(taken->set_at == then);
  CHECK(references.take_tag(world.app, "gone", {digest_of("gone"), "type", then, then}, std::nullopt)
            .error()
            .kind == Error::Kind::not_found);
  // What it named before has no tag any more, and goes.
  world.pass(world.settings.lease * 2);
  world.collect();
  CHECK_FALSE(world.store->manifests().bytes(world.app, newest));
  CHECK(world.store->manifests().bytes(world.app, other));
  CHECK_FALSE(world.store->manifests().bytes(world.app, old));
}

TEST_CASE("one push may set several tags") {
  PushedWorld world;
  const Digest image = world.push("image", {}, {"1", "1.2", "latest"});
  for (const char* tag : {"1", "1.2", "latest"})
    CHECK(world.store->references().lease_tag(world.app, tag, Reach::disk)->digest == image);
  auto tags = world.store->catalog().tags_of(world.app, image);
  CHECK(tags->size() == 3);
}

TEST_CASE(
    "a mount lets another repository serve a blob, from the one that is named or from any of the route") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  CHECK_FALSE(*world.store->blobs().mount(world.other, "no/such", layer));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), world.other, layer, Reach::disk));

  SECTION("named") { CHECK(*world.store->blobs().mount(world.other, world.app.repository, layer)); }
  SECTION("any") { CHECK(*world.store->blobs().mount(world.other, "", layer)); }
  CHECK(*store::may_serve(world.store->catalog(), world.other, layer, Reach::disk));
}

TEST_CASE("what a mirror holds is not a registry's to tell of or to mount") {
  PushedWorld world;
  REQUIRE(world.put({"dockerhub", "library/alpine"}, "layer"));
  CHECK_FALSE(world.has_blob(digest_of("layer")));
  CHECK_FALSE(*world.store->blobs().mount(world.app, "", digest_of("layer")));
  CHECK_FALSE(*world.store->blobs().mount(world.app, "library/alpine", digest_of("layer")));
}

TEST_CASE(
    "a blob that a mirror holds and that is pushed counts against the registry, and no fill takes it back") {
  PushedWorld world;
  const std::string layer(9000, 'x');
  REQUIRE(world.put({"dockerhub", "library/alpine"}, layer));
  world.upload(layer);
  CHECK(world.store->budget().of("dockerhub").stored == 0);
  CHECK(world.store->budget().of("private").stored == on_disk(9000));
  REQUIRE(world.put({"ghcr", "some/image"}, layer));
  CHECK(world.store->budget().of("ghcr").stored == 0);
  CHECK(world.store->budget().of("private").stored == on_disk(9000));
}

TEST_CASE("a tag is removed alone") {
  PushedWorld world;
  world.push("image", {}, {"a", "b"});
  REQUIRE(world.store->references().delete_tag(world.app, "a"));
  CHECK_FALSE(world.has_tag("a"));
  CHECK(world.has_tag("b"));
  CHECK(world.store->references().delete_tag(world.app, "a").error().kind == Error::Kind::not_found);
}

TEST_CASE("a manifest goes with its tags, and not while another needs it") {
  PushedWorld world;
  const Digest image = world.push("image", {}, {"child"});
  const Digest index = world.push("index", {image}, {"latest"});
  const auto refused = world.store->references().delete_manifest(world.app, image);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(refused.error().message ==
        image.text() + " is needed by the manifest " + index.text() + ", tagged latest");
  CHECK(world.has_tag("child"));

  REQUIRE(world.store->references().delete_manifest(world.app, index));
  CHECK_FALSE(world.has_tag("latest"));
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  CHECK_FALSE(world.has_tag("child"));
}

TEST_CASE("a blob is removed from one repository, and not while a manifest there needs it") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  REQUIRE(*world.store->blobs().mount(world.other, "", layer));
  world.push("image", {layer}, {"latest"});
  CHECK(world.store->references().delete_link(world.app, layer).error().kind == Error::Kind::conflict);
  REQUIRE(world.store->references().delete_link(world.other, layer));
  CHECK_FALSE(*store::may_serve(world.store->catalog(), world.other, layer, Reach::disk));
  CHECK(world.has_blob(layer));
  CHECK(world.store->references().delete_link(world.other, layer).error().kind == Error::Kind::not_found);
}

TEST_CASE("pushing a tag again makes it the newest, also when it names what it named before") {
  PushedWorld world;
  world.push("image", {}, {"latest"});
  world.pass(std::chrono::minutes(5));
  world.push("image", {}, {"latest"});
  CHECK((*world.store->catalog().tag(world.app, "latest", Reach::disk))->set_at == world.clock.now());
}

TEST_CASE("what was pushed is there after a restart") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {"latest"});
  world.crash();
  REQUIRE(world.open());
  CHECK(world.store->references().lease_tag(world.app, "latest", Reach::disk)->digest == image);
  CHECK(world.has_blob(layer));
}

}  // namespace breakwater::store
