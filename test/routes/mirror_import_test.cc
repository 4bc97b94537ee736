// What a mirror takes over from the folder of another mirror: a registry:2 with `proxy`, as it leaves it.
#include <algorithm>
#include <vector>

#include "routes/transfer/imports.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/liveness.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/made_registry_folder.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using store::Digest;
using store::Reach;
using store::RepositoryKey;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};

struct MirrorImportWorld : StoreWorld {
  MadeRegistryFolder old{folder.path() / "old"};
  routes::ImportSettings wanted;
  std::vector<std::string> lines;

  MirrorImportWorld() {
    wanted.from = old.folder();
    wanted.route = kAlpine.route;
    wanted.is_mirror = true;
    wanted.fresh = minutes(10);
    REQUIRE(open());
  }
  routes::ImportReport import(bool is_dry = false) {
    lines.clear();
    routes::ImportReport report([this](const std::string& line) { lines.push_back(line); });
    routes::ImportParts parts{*store, disk, store->clock()};
    parts.is_dry = is_dry;
    const auto done = routes::import_registry(parts, wanted, report);
    if (!done) FAIL(done.error().message);
    return report;
  }
  std::optional<store::TagRecord> tag(const std::string& name) const {
    return store->catalog().tag(kAlpine, name, Reach::disk).value();
  }
  bool may_serve(const Digest& digest) const {
    return store::may_serve(store->catalog(), kAlpine, digest, Reach::disk).value();
  }
  bool has_manifest(const Digest& digest) const {
    return store->manifests().bytes(kAlpine, digest).has_value();
  }
};

}  // namespace

TEST_CASE("what a mirror of before has is taken over, and its tags are asked for again the next time") {
  MirrorImportWorld world;
  const auto image = world.old.made_image(kAlpine.repository, 1);
  const auto top = world.old.add_manifest(kAlpine.repository, image, "3.20");
  const auto link = world.old.tag_link(kAlpine.repository, "3.20");
  const bool is_recent = GENERATE(true, false);
  std::filesystem::last_write_time(
      link, std::chrono::file_clock::from_sys(world.clock.wall() - (is_recent ? hours(0) : hours(30))));
  const auto dry = world.import(true);
  CHECK_FALSE(world.tag("3.20"));
  CHECK_FALSE(world.has_manifest(top.digest));
  CHECK(dry.counts.tags == 1);

  const auto report = world.import();
  CHECK(world.lines.empty());
  CHECK(report.counts.tags == 1);
  CHECK(report.counts.manifests == 1);
  CHECK(report.counts.blobs_linked == 2);
  CHECK(report.surveyed_bytes == dry.surveyed_bytes);
  CHECK(report.left_out() == 0);
  const auto tag = world.tag("3.20");
  REQUIRE(tag);
  CHECK(tag->digest == top.digest);
  // However lately it was confirmed there, it is not fresh; and it is as old as it was.
  const auto age = world.store->clock().now() - tag->checked_at;
  CHECK(age >= (is_recent ? minutes(10) : minutes(30 * 60)));
  CHECK(age < (is_recent ? minutes(20) : minutes(31 * 60)));
  // The repository may serve the layers without a question to upstream.
  CHECK(world.may_serve(image.layers[0].digest));
  CHECK(world.store->blobs().open(image.layers[0].digest));
  CHECK(world.store->budget().of(kAlpine.route).stored > 0);

  const auto again = world.import();
  CHECK(again.counts.tags_here == 1);
  CHECK(again.counts.manifests + again.counts.blobs_linked + again.counts.blobs_copied == 0);
  CHECK(again.left_out() == 0);
}

TEST_CASE(
    "what a mirror of before has only in part is taken in part, and what is damaged is left out and told") {
  MirrorImportWorld world;
  const std::string name = kAlpine.repository;
  const auto amd64 = world.old.made_image(name, 1), cut = world.old.made_image(name, 3),
             rotten = world.old.made_image(name, 4);
  const auto whole = world.old.add_manifest(name, amd64);
  const auto never_pulled = world.old.add_image(name, 2, "");
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.manifests = {whole, never_pulled};
  const auto both = world.old.add_manifest(name, index, "1");
  std::filesystem::remove_all(world.old.data(never_pulled.digest).parent_path());
  std::filesystem::remove_all(world.old.manifest_link(name, never_pulled.digest).parent_path());
  const auto cut_top = world.old.add_manifest(name, cut, "cut");
  std::filesystem::resize_file(world.old.data(cut.layers[0].digest), 100);
  world.old.add_manifest(name, rotten, "rotten");
  write_file(world.old.data(rotten.layers[0].digest), content_of(rotten.layers[0].size, 99));
  const auto expired = world.old.add_image(name, 5, "expired");
  std::filesystem::remove_all(world.old.data(expired.digest).parent_path());
  // No tags at all, as most have none.
  const auto other = world.old.add_image("library/busybox", 6, "");

  const auto report = world.import();
  CHECK(world.has_manifest(both.digest));
  CHECK(world.has_manifest(whole.digest));
  CHECK(world.may_serve(amd64.layers[0].digest));
  CHECK(world.tag("1"));
  // A mirror fetches what is gone of these.
  CHECK(world.tag("cut"));
  CHECK(world.has_manifest(cut_top.digest));
  CHECK_FALSE(world.store->blobs().open(cut.layers[0].digest));
  CHECK_FALSE(world.store->blobs().open(rotten.layers[0].digest));
  CHECK(report.count(routes::Damage::short_blob) == 1);
  CHECK(report.count(routes::Damage::corrupt_blob) == 1);
  CHECK(report.left_out() == 2);
  CHECK(world.lines.size() == 2);
  CHECK_FALSE(world.tag("expired"));
  CHECK(report.counts.tags_skipped == 1);
  CHECK(world.store->manifests().bytes({kAlpine.route, "library/busybox"}, other.digest));
  CHECK(world.files_in("incoming") == 0);
}

TEST_CASE("an import into a mirror that is full says so, and evicts nothing") {
  MirrorImportWorld world;
  world.settings.route_bytes_max[kAlpine.route] = 64 << 10;
  REQUIRE(world.open());
  const std::string newer(40 << 10, 'n');
  REQUIRE(world.put(kAlpine, newer));
  const auto image = world.old.made_image(kAlpine.repository, 1);
  const auto top = world.old.add_manifest(kAlpine.repository, image, "1");
  const auto report = world.import();
  CHECK(world.holds(newer));
  CHECK(world.has_manifest(top.digest));
  CHECK(report.counts.no_room == 1);
  CHECK(report.counts.no_room_bytes == image.layers[0].size);
  CHECK(report.left_out() == 1);
  CHECK(report.summary().find("no room: 1 manifests and blobs, " + std::to_string(image.layers[0].size)) !=
        std::string::npos);
}

TEST_CASE("a tag that the mirror has pulled by itself stays, whatever the folder says") {
  MirrorImportWorld world;
  const std::string text = "image";
  store::ManifestContent content;
  content.record.media_type = "application/vnd.oci.image.manifest.v1+json";
  content.record.size = text.size();
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(text), text, content, "1",
                                       store::Durability::buffered));
  world.old.add_image(kAlpine.repository, 1, "1");
  const auto report = world.import();
  CHECK(report.counts.tags_kept == 1);
  CHECK(world.tag("1")->digest == digest_of(text));
}

}  // namespace breakwater::test
