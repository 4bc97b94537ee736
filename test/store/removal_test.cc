// What an operator removes goes, what others need stays, and the dry run said so.
#include "store/upkeep/removal.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "store/blobs/trash.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using test::digest_of;
using test::PushedWorld;
using test::stored_digests;
using Kept = Removal::Kept;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};
const RepositoryKey kBusybox{"dockerhub", "library/busybox"};
const RepositoryKey kApp{"ghcr", "org/app"};

std::string text_of(const RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}

// All that a removal tells, in an order of its own.
std::set<std::string> told(const Removal& removal) {
  std::set<std::string> lines;
  for (const Removal::Tag& tag : removal.tags)
    lines.insert("tag " + text_of(tag.repository) + ":" + tag.tag.tag);
  for (const Removal::Manifest& manifest : removal.manifests)
    lines.insert("manifest " + text_of(manifest.repository) + "@" + manifest.digest.text());
  for (const Removal::Blob& blob : removal.blobs)
    lines.insert("blob " + blob.digest.text() + " " + std::to_string(blob.bytes));
  lines.insert(std::to_string(removal.bytes) + " bytes");
  return lines;
}

struct RemovalWorld : PushedWorld {
  Removing removing() { return {store->parts(), store->blobs(), store->trash()}; }
  Result<Removal> plan(const ImagePattern& what) { return plan_removal(removing(), what, {}); }
  Result<Removal> take_away(const ImagePattern& what) { return remove(removing(), what, {}, {}); }

  void mirror(const RepositoryKey& repository, const std::string& text, const std::vector<Digest>& children,
              const std::string& tag, bool is_index = false, const std::optional<Digest>& subject = {}) {
    ManifestContent content = content_of(text, children);
    for (ManifestContent::Child& child : content.children) child.edge.is_manifest = is_index;
    content.record.subject = subject;
    if (subject) content.referrer_descriptor = "{}";
    REQUIRE(store->manifests().put(repository, digest_of(text), text, content, tag, Durability::buffered));
  }
  Digest fill(const RepositoryKey& repository, const std::string& content) {
    REQUIRE(put(repository, content));
    return digest_of(content);
  }
  bool has(const RepositoryKey& repository, const std::string& tag) {
    const auto record = store->catalog().tag(repository, tag, Reach::disk);
    return record && *record;
  }
  // Of what is in the folder and what is counted.
  void check_accounts() { CHECK(store->budget().whole().stored == bytes_on_disk()); }
};

// alpine 3.19 and 3.20 with a base layer in common, 3.20 as an index that is signed; the config of 3.20 is
// busybox's too, and one of its layers has ghcr.
struct AlpineWorld : RemovalWorld {
  const std::string base = std::string(9000, 'b'), own = std::string(20'000, 'o'),
                    config = std::string(5000, 'c'), common = std::string(30'000, 'g');
  AlpineWorld() {
    for (const std::string& content : {base, own, config, common}) fill(kAlpine, content);
    fill(kBusybox, config);
    REQUIRE(store->references().link(kApp, digest_of(common)));
    mirror(kAlpine, "image 3.19", {digest_of(base)}, "3.19");
    mirror(kAlpine, "image 3.20", {digest_of(base), digest_of(own), digest_of(config), digest_of(common)},
           "");
    mirror(kAlpine, "index 3.20", {digest_of("image 3.20")}, "3.20", true);
    mirror(kAlpine, "signature", {}, "", false, digest_of("index 3.20"));
    mirror(kBusybox, "busybox", {digest_of(config)}, "latest");
  }
};

}  // namespace

TEST_CASE("a purge of a mirror's tag takes what only it needs, and does what its dry run said") {
  AlpineWorld world;
  const ImagePattern what{"dockerhub", "library/alpine", "3.20"};
  const auto planned = world.plan(what);
  REQUIRE(planned);
  CHECK(world.has(kAlpine, "3.20"));
  CHECK(planned->tags.size() == 1);
  CHECK(planned->manifests.size() == 3);
  CHECK(planned->blobs.size() == 4);
  CHECK(planned->bytes == on_disk(20'000) + 3 * on_disk(1));

  const auto done = world.take_away(what);
  REQUIRE(done);
  CHECK(told(*done) == told(*planned));
  CHECK_FALSE(done->is_cut);
  CHECK_FALSE(world.has(kAlpine, "3.20"));
  CHECK_FALSE(world.is_stored(digest_of(world.own)));
  CHECK_FALSE(world.is_stored(digest_of("signature")));
  for (const std::string& content : {world.base, world.config, world.common, std::string("image 3.19")})
    CHECK(world.is_stored(digest_of(content)));
  CHECK_FALSE(may_serve(world.store->catalog(), kAlpine, digest_of(world.config), Reach::disk).value());
  CHECK(may_serve(world.store->catalog(), kAlpine, digest_of(world.base), Reach::disk).value());
  world.check_accounts();
  CHECK(world.plan(what).error().kind == Error::Kind::not_found);
}

TEST_CASE("the dry run of a purge says what stays, and by whom it is kept") {
  AlpineWorld world;
  const auto planned = world.plan({"dockerhub", "library/alpine", "3.20"});
  REQUIRE(planned);
  CHECK(planned->kept_total == 3);
  const auto by = [&](const std::string& content) -> const Kept* {
    const auto found = std::find_if(planned->kept.begin(), planned->kept.end(),
                                    [&](const Kept& kept) { return kept.digest == digest_of(content); });
    return found == planned->kept.end() ? nullptr : &*found;
  };
  REQUIRE(by(world.base));
  CHECK(by(world.base)->by == Kept::By::manifest);
  CHECK(by(world.base)->by_digest == digest_of("image 3.19"));
  CHECK(by(world.base)->bytes == on_disk(9000));
  REQUIRE(by(world.config));
  CHECK(by(world.config)->other == kBusybox);
  REQUIRE(by(world.common));
  CHECK(by(world.common)->other == kApp);
}

TEST_CASE("what a purged mirror paid and another has counts for that from then on") {
  AlpineWorld world;
  REQUIRE(world.take_away({"dockerhub", "library/*"}));
  CHECK(world.store->budget().of("dockerhub").stored == 0);
  CHECK(world.store->budget().of("ghcr").stored == on_disk(30'000));
  CHECK(world.is_stored(digest_of(world.common)));
  world.check_accounts();
}

TEST_CASE("a manifest that another tag, an index or its subject keeps stays when a tag is purged") {
  RemovalWorld world;
  world.mirror(kAlpine, "image", {world.fill(kAlpine, "layer")}, "1");
  world.mirror(kAlpine, "image", {digest_of("layer")}, "2");
  world.mirror(kAlpine, "platform", {world.fill(kAlpine, "another layer")}, "amd64");
  world.mirror(kAlpine, "index", {digest_of("platform")}, "3", true);
  world.mirror(kAlpine, "signature", {}, "sig", false, digest_of("image"));
  for (const auto& [tag, by] : {std::pair("1", Kept::By::tag), std::pair("amd64", Kept::By::manifest),
                                std::pair("sig", Kept::By::subject)}) {
    const auto planned = world.plan({"dockerhub", "library/alpine", tag});
    const auto done = world.take_away({"dockerhub", "library/alpine", tag});
    REQUIRE(planned);
    REQUIRE(done);
    CHECK(told(*planned) == told(*done));
    CHECK(done->tags.size() == 1);
    CHECK(done->manifests.empty());
    CHECK(done->bytes == 0);
    REQUIRE(done->kept.size() == 1);
    CHECK(done->kept[0].by == by);
  }
  for (const char* content : {"image", "layer", "platform", "another layer", "signature"})
    CHECK(world.is_stored(digest_of(content)));
}

TEST_CASE("a purge of a whole repository takes its untagged manifests and its bare blobs too") {
  RemovalWorld world;
  world.mirror(kAlpine, "tagged", {world.fill(kAlpine, "layer")}, "1");
  world.mirror(kAlpine, "untagged", {digest_of("layer"), digest_of("never fetched")}, "");
  world.fill(kAlpine, "bare");
  world.mirror(kBusybox, "other", {world.fill(kBusybox, "layer of busybox")}, "1");
  std::set<Digest> gone;
  const ImagePattern what{"dockerhub", "library/alpine"};
  const auto planned = world.plan(what);
  const auto done = remove(world.removing(), what,
                           [&](const RepositoryKey&, const Digest& digest) { gone.insert(digest); }, {});
  REQUIRE(planned);
  REQUIRE(done);
  CHECK(told(*planned) == told(*done));
  CHECK(gone == std::set<Digest>{digest_of("tagged"), digest_of("untagged")});
  CHECK(stored_digests(*world.store).size() == 2);
  CHECK(world.store->catalog().repositories("dockerhub", "", 9).value() ==
        std::vector<std::string>{"library/busybox"});
  world.check_accounts();
}

TEST_CASE("a purge of a pattern takes what only matching repositories share") {
  RemovalWorld world;
  for (const RepositoryKey& repository : {kAlpine, kBusybox}) {
    world.fill(repository, "shared");
    world.mirror(repository, "image of " + repository.repository, {digest_of("shared")}, "1");
  }
  const auto of_one = world.plan({"dockerhub", "library/alpine"});
  REQUIRE(of_one);
  CHECK(of_one->bytes == on_disk(1));
  const auto planned = world.plan({"dockerhub", "library/*", "1"});
  const auto done = world.take_away({"dockerhub", "library/*", "1"});
  REQUIRE(done);
  CHECK(told(*planned) == told(*done));
  CHECK(done->bytes == 3 * on_disk(1));
  CHECK(stored_digests(*world.store).empty());
}

TEST_CASE("what is pinned stays when it is purged, with all under it, and the answer says so") {
  AlpineWorld world;
  REQUIRE(world.store->references().pin({"dockerhub", "library/alpine", "3.20"}));
  const auto planned = world.plan({"dockerhub", "library/alpine"});
  const auto done = world.take_away({"dockerhub", "library/alpine"});
  REQUIRE(planned);
  REQUIRE(done);
  CHECK(told(*planned) == told(*done));
  CHECK(done->tags.size() == 1);
  CHECK(world.has(kAlpine, "3.20"));
  CHECK_FALSE(world.has(kAlpine, "3.19"));
  for (const std::string& content :
       {world.base, world.own, std::string("image 3.20"), std::string("signature")})
    CHECK(world.is_stored(digest_of(content)));
  CHECK(std::any_of(done->kept.begin(), done->kept.end(), [](const Kept& kept) {
    return kept.kind == Kept::Kind::tag && kept.tag == "3.20" && kept.by == Kept::By::pin;
  }));
}

TEST_CASE("what somebody reads is read to its end though it is purged") {
  RemovalWorld world;
  const std::string layer(9000, 'l');
  world.mirror(kAlpine, "image", {world.fill(kAlpine, layer)}, "1");
  const auto read = world.store->blobs().open(digest_of(layer));
  REQUIRE(read);
  REQUIRE(world.take_away({"dockerhub", "library/alpine", "1"}));
  CHECK_FALSE(world.is_stored(digest_of(layer)));
  std::string found(layer.size(), '\0');
  CHECK(world.disk.read(*read->file, 0, found) == layer.size());
  CHECK(found == layer);
}

TEST_CASE("a registry's blob that a purged mirror has too stays with the registry") {
  RemovalWorld world;
  world.fill(kAlpine, "layer");
  world.mirror(kAlpine, "image", {digest_of("layer")}, "1");
  world.push("pushed", {world.upload("layer")}, {"latest"});
  const auto done = world.take_away({"dockerhub", "library/alpine"});
  REQUIRE(done);
  CHECK(done->bytes == on_disk(1));
  CHECK(world.has_blob(digest_of("layer")));
  world.check_accounts();
}

TEST_CASE("rm of a registry's tag takes the tag, and the rest goes when its lease and its policy let it") {
  RemovalWorld world;
  const Digest layer = world.upload("layer"), shared = world.upload("shared");
  const Digest image = world.push("image", {layer, shared}, {"1"});
  world.push("other", {shared}, {"2"});
  const std::string signature = "sha256-" + image.hex() + ".sig";
  world.push("signature", {}, {signature});
  world.pass(hours(2));
  world.collect();
  // Somebody is told of the image.
  REQUIRE(world.store->references().lease_manifest(world.app, image, Reach::disk));
  const ImagePattern what{"private", "team/app", "1"};
  const auto planned = world.plan(what);
  const auto done = world.take_away(what);
  REQUIRE(planned);
  REQUIRE(done);
  CHECK(told(*planned) == told(*done));
  CHECK(told(*done).contains("tag private/team/app:" + signature));
  CHECK(told(*done).contains("blob " + layer.text() + " 4096"));
  CHECK_FALSE(told(*done).contains("blob " + shared.text() + " 4096"));
  REQUIRE(done->manifests.size() == 2);
  CHECK(done->manifests[0].goes_after == world.store->clock().to_wall(world.store->clock().now() + hours(1)));
  CHECK_FALSE(world.has_tag("1"));
  CHECK(world.has_blob(layer));
  world.collect();
  CHECK(world.has_manifest(image));

  world.pass(hours(2));
  world.collect();
  CHECK_FALSE(world.has_manifest(image));
  CHECK_FALSE(world.has_tag(signature));
  world.pass(hours(2));
  world.collect();
  CHECK_FALSE(world.is_stored(layer));
  CHECK(world.has_blob(shared));
  world.check_accounts();
}

TEST_CASE("what a client pushes between the dry run and the rm stays") {
  RemovalWorld world;
  const Digest image = world.push("image", {world.upload("layer")}, {"1"});
  REQUIRE(world.take_away({"private", "team/app"}));
  world.push("index", {image}, {"new"});
  world.pass(hours(3));
  world.collect();
  CHECK(world.has_manifest(image));
  CHECK(world.is_stored(digest_of("layer")));
}

TEST_CASE("a removal that is larger than may be remembered is done in parts, of which each is whole") {
  RemovalWorld world;
  for (int i = 0; i < 30; ++i) {
    const std::string name = std::to_string(i);
    world.mirror(kAlpine, "image " + name, {world.fill(kAlpine, "layer " + name)}, name);
  }
  const ImagePattern what{"dockerhub", "library/alpine"};
  Removing some = world.removing();
  some.things_max = 40;
  int parts = 0;
  for (bool is_cut = true; is_cut; ++parts) {
    REQUIRE(parts < 30);
    const auto planned = plan_removal(some, what, {});
    const auto done = remove(some, what, {}, {});
    REQUIRE(done);
    CHECK(told(*planned) == told(*done));
    is_cut = done->is_cut;
    world.check_accounts();
  }
  CHECK(parts > 1);
  CHECK(stored_digests(*world.store).empty());
}

}  // namespace breakwater::store
