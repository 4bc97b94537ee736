// What is taken over from a docker-registry's folder, and what is left behind and told.
#include "routes/transfer/imports.h"

#include <algorithm>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/made_registry_folder.h"

namespace breakwater::test {
namespace {

using routes::Damage;
using store::Digest;
using store::Reach;
using store::RepositoryKey;

const RepositoryKey kApp{"private", "team/app"};

struct ImportWorld : StoreWorld {
  MadeRegistryFolder old{folder.path() / "old"};
  routes::ImportSettings wanted;
  std::vector<std::string> lines;

  ImportWorld() {
    clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch()));
    wanted.from = old.folder();
    wanted.route = "private";
    REQUIRE(open());
  }

  Result<> try_import(routes::ImportReport& report) {
    return routes::import_registry({*store, disk, clock}, wanted, report);
  }
  routes::ImportReport import() {
    lines.clear();
    routes::ImportReport report([this](const std::string& line) { lines.push_back(line); });
    const auto done = try_import(report);
    if (!done) FAIL(done.error().message);
    return report;
  }

  bool said(const std::string& begin, const std::string& part) const {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(begin) && line.find(part) != std::string::npos;
    });
  }
  bool has_manifest(const RepositoryKey& repository, const Digest& digest) const {
    return store->manifests().bytes(repository, digest).has_value();
  }
  bool has_tag(const RepositoryKey& repository, const std::string& tag) const {
    const auto record = store->catalog().tag(repository, tag, Reach::disk);
    return record && *record;
  }
  Digest tag_of(const std::string& tag) const {
    return store->catalog().tag(kApp, tag, Reach::disk).value()->digest;
  }
};

size_t names_of(const std::filesystem::path& file) { return std::filesystem::hard_link_count(file); }

}  // namespace

TEST_CASE("what is whole is taken over by hard link, and a second run takes nothing twice") {
  ImportWorld world;
  world.wanted.from = world.old.folder() / GENERATE("", "docker", "docker/registry", "docker/registry/v2");
  const auto image = world.old.made_image(kApp.repository, 1);
  const auto amd64 = world.old.add_manifest(kApp.repository, image),
             arm64 = world.old.add_image(kApp.repository, 2, "");
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.manifests = {amd64, arm64};
  const auto both = world.old.add_manifest(kApp.repository, index, "1");
  world.old.add_image("library/deep/er", 3, "latest");

  const auto report = world.import();
  CHECK(world.lines.empty());
  CHECK(report.counts.tags == 2);
  CHECK(report.counts.manifests == 4);
  CHECK(report.counts.blobs_linked == 6);
  CHECK(report.counts.blobs_copied == 0);
  CHECK(report.counts.blobs_unreferenced == 0);
  CHECK(world.tag_of("1") == both.digest);
  CHECK(world.store->manifests().bytes(kApp, amd64.digest).value() == image.text());
  CHECK(world.holds(content_of(20'001, 1)));
  CHECK(world.has_tag({"private", "library/deep/er"}, "latest"));
  CHECK(names_of(world.old.data(image.layers[0].digest)) == 2);

  const auto again = world.import();
  CHECK(again.counts.tags == 0);
  CHECK(again.counts.tags_here == 2);
  CHECK(again.counts.manifests + again.counts.blobs_linked + again.counts.blobs_copied == 0);
}

TEST_CASE("an import ends where its registry becomes read-only, and goes on when it is not") {
  ImportWorld world;
  for (int i = 1; i <= 3; ++i) world.old.add_image(kApp.repository, i, std::to_string(i));
  std::vector<std::string> set;
  bool is_read_only = false;
  routes::ImportParts parts{*world.store, world.disk, world.clock};
  parts.is_read_only = [&] { return is_read_only; };
  parts.tag_set = [&](const RepositoryKey& repository, const std::string& tag, const store::TagRecord&) {
    CHECK(repository == kApp);
    set.push_back(tag);
    is_read_only = set.size() == 1;
  };
  routes::ImportReport report([](const std::string&) {});
  const auto stopped = routes::import_registry(parts, world.wanted, report);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == Error::Kind::denied);
  CHECK(stopped.error().message.find("read-only") != std::string::npos);
  CHECK(set.size() == 1);
  is_read_only = false;
  REQUIRE(routes::import_registry(parts, world.wanted, report));
  CHECK(set.size() == 3);
}

TEST_CASE("five kinds of damage are named and left behind, and the rest is taken over") {
  ImportWorld world;
  const std::string name = kApp.repository;
  world.old.add_image(name, 1, "whole");
  const auto emptied = world.old.made_image(name, 2), cut = world.old.made_image(name, 3),
             rotten = world.old.made_image(name, 4), unlinked = world.old.made_image(name, 5),
             gone = world.old.made_image(name, 6);
  world.old.add_manifest(name, emptied, "emptied");
  world.old.add_manifest(name, cut, "cut");
  world.old.add_manifest(name, rotten, "rotten");
  world.old.add_manifest(name, unlinked, "unlinked");
  world.old.add_manifest(name, gone, "gone");
  world.old.add_image(name, 7, "dangling");
  std::filesystem::resize_file(world.old.data(emptied.layers[0].digest), 0);
  std::filesystem::resize_file(world.old.data(cut.layers[0].digest), 100);
  write_file(world.old.data(rotten.layers[0].digest), content_of(rotten.layers[0].size, 99));
  std::filesystem::remove(world.old.layer_link(name, unlinked.layers[0].digest));
  std::filesystem::remove_all(world.old.data(gone.config->digest).parent_path());
  std::filesystem::remove(world.old.tag_link(name, "dangling"));
  const auto whole_part = world.old.add_image(name, 8, ""), gone_part = world.old.add_image(name, 9, "");
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.manifests = {gone_part, whole_part};
  const auto both = world.old.add_manifest(name, index, "both");
  std::filesystem::remove_all(world.old.manifest_link(name, gone_part.digest).parent_path());
  world.old.add_upload(name, "a-b-c");

  const auto report = world.import();
  CHECK(world.said("empty blob: ", emptied.layers[0].digest.text()));
  CHECK(world.said("short blob: ", cut.layers[0].digest.text()));
  CHECK(world.said("corrupt blob: ", rotten.layers[0].digest.text()));
  CHECK(world.said("missing link: ", unlinked.layers[0].digest.text()));
  CHECK(world.said("missing blob: ", gone.config->digest.text()));
  CHECK(world.said("missing link: ", name + ":dangling"));
  CHECK(world.said("missing index child: ", gone_part.digest.text()));
  CHECK(world.said("orphan upload: ", "a-b-c"));
  for (const char* tag : {"emptied", "cut", "rotten", "unlinked", "gone", "dangling", "both"}) {
    CAPTURE(tag);
    CHECK(world.said("skipped: ", name + ":" + tag));
    CHECK_FALSE(world.has_tag(kApp, tag));
  }
  CHECK(world.has_tag(kApp, "whole"));
  CHECK(report.counts.tags == 1);
  CHECK(report.counts.tags_skipped == 7);
  CHECK(report.count(Damage::missing_link) == 2);
  // What is whole of the index stays, by digest.
  CHECK(world.has_manifest(kApp, whole_part.digest));
  CHECK_FALSE(world.has_manifest(kApp, both.digest));
  CHECK(report.counts.by_digest == 1);
  CHECK(report.summary().find("1 empty blob") != std::string::npos);
  // The rotten layer is not ours, and is as it was.
  CHECK_FALSE(world.store->blobs().open(rotten.layers[0].digest));
  CHECK(std::filesystem::file_size(world.old.data(rotten.layers[0].digest)) == rotten.layers[0].size);
  CHECK(world.files_in("incoming") == 0);
}

TEST_CASE(
    "what refers to an image comes with it; other untagged manifests only where the policy keeps such") {
  const bool kept = GENERATE(false, true);
  ImportWorld world;
  if (kept) {
    store::RetentionPolicy policy;
    policy.untagged_after = std::chrono::hours(24);
    world.wanted.retention = {policy};
  }
  const auto image = world.old.add_image(kApp.repository, 1, "1");
  auto signature = world.old.made_image(kApp.repository, 2);
  signature.subject = image;
  const auto signed_by = world.old.add_manifest(kApp.repository, signature);
  auto remark = world.old.made_image(kApp.repository, 3);
  remark.subject = signed_by;
  const auto remarked = world.old.add_manifest(kApp.repository, remark);
  const auto untagged = world.old.add_image(kApp.repository, 4, "");

  const auto report = world.import();
  CHECK(report.counts.referrers == 2);
  CHECK(world.has_manifest(kApp, remarked.digest));
  CHECK(world.store->catalog().referrers(kApp, image.digest, std::nullopt, 10).value().size() == 1);
  CHECK(world.has_manifest(kApp, untagged.digest) == kept);
  CHECK(report.counts.untagged == (kept ? 0 : 1));
  CHECK(report.counts.blobs_unreferenced == (kept ? 0 : 3));
}

TEST_CASE("a tag that was set later here stays, and one that was set later there moves") {
  ImportWorld world;
  const auto first = world.old.add_image(kApp.repository, 1, "1");
  (void)world.import();
  const auto second = world.old.add_image(kApp.repository, 2, "1");
  const auto link = world.old.tag_link(kApp.repository, "1");
  std::filesystem::last_write_time(link, std::filesystem::last_write_time(link) - std::chrono::hours(1));
  CHECK(world.import().counts.tags_kept == 1);
  CHECK(world.tag_of("1") == first.digest);
  std::filesystem::last_write_time(link, std::filesystem::last_write_time(link) + std::chrono::hours(2));
  CHECK(world.import().counts.tags == 1);
  CHECK(world.tag_of("1") == second.digest);
}

TEST_CASE("an immutable tag stays here, though it was set later there") {
  ImportWorld world;
  store::RetentionPolicy policy;
  policy.immutable = {"v*"};
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const auto first = world.old.add_image(kApp.repository, 1, "v1");
  (void)world.import();
  (void)world.old.add_image(kApp.repository, 2, "v1");
  const auto link = world.old.tag_link(kApp.repository, "v1");
  std::filesystem::last_write_time(link, std::filesystem::last_write_time(link) + std::chrono::hours(2));
  const auto report = world.import();
  CHECK(report.counts.tags == 0);
  CHECK(report.counts.tags_skipped == 1);
  CHECK(world.said("skipped", "is immutable"));
  CHECK(world.tag_of("v1") == first.digest);
}

TEST_CASE(
    "an import into too small a store ends with the bound's name, and what was taken over stays and is "
    "counted") {
  ImportWorld world;
  world.settings.route_bytes_max["private"] = 120 << 10;
  REQUIRE(world.open());
  for (uint32_t seed = 0; seed < 10; ++seed)
    world.old.add_image(kApp.repository, seed, "tag-" + std::to_string(seed));
  routes::ImportReport report([](const std::string&) {});
  const auto done = world.try_import(report);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == Error::Kind::full);
  CHECK(done.error().message.find("private") != std::string::npos);
  CHECK(report.counts.tags >= 1);
  CHECK(report.counts.tags < 10);
  CHECK(world.has_tag(kApp, "tag-0"));
  CHECK(world.bytes_on_disk() <= 120 << 10);
  CHECK(world.store->budget().of("private").stored == world.bytes_on_disk());
  CHECK(world.store->budget().of("private").reserved == 0);
}

TEST_CASE("an import measures what the catalog takes while it goes on") {
  ImportWorld world;
  for (uint32_t seed = 0; seed < 100; ++seed)
    world.old.add_image(kApp.repository, seed, "tag-" + std::to_string(seed));
  const uint64_t before = world.store->budget().overhead();
  // A catalog's own files grow in leaps.
  write_file(world.settings.data / "catalog" / "grown", content_of(4 << 20, 1));
  (void)world.import();
  CHECK(world.store->budget().overhead() >= before + (4 << 20));
}

TEST_CASE("an import that is told to stop takes nothing more, and the next run goes on") {
  ImportWorld world;
  world.old.add_image(kApp.repository, 1, "1");
  std::stop_source stopped;
  stopped.request_stop();
  routes::ImportReport report([](const std::string&) {});
  routes::ImportParts parts{*world.store, world.disk, world.clock};
  parts.stop = stopped.get_token();
  const auto done = routes::import_registry(parts, world.wanted, report);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == Error::Kind::unavailable);
  CHECK_FALSE(world.has_tag(kApp, "1"));
  CHECK(world.files_in("incoming") == 0);
  CHECK(world.import().counts.tags == 1);
}

TEST_CASE(
    "what is lent is copied and counted, and what a killed process has left of a copy counts for nothing") {
  ImportWorld world;
  const auto image = world.old.made_image(kApp.repository, 1);
  world.old.add_manifest(kApp.repository, image, "1");
  const auto partial = world.settings.data / "incoming" / ("import-sha256-" + image.layers[0].digest.hex());
  write_file(partial, "half");
  std::atomic<uint64_t> bytes = 0;
  routes::ImportReport report([](const std::string&) {});
  routes::ImportParts parts{*world.store, world.disk, world.clock};
  parts.is_lent = true;
  parts.bytes = &bytes;
  REQUIRE(routes::import_registry(parts, world.wanted, report));
  CHECK(report.counts.tags == 1);
  CHECK(report.counts.blobs_copied == 2);
  CHECK(report.counts.blobs_linked == 0);
  CHECK(bytes == image.layers[0].size + image.config->size);
  CHECK(names_of(world.old.data(image.layers[0].digest)) == 1);
  CHECK(world.files_in("incoming") == 0);
}

TEST_CASE("a dry run of an import counts what an import then takes, and takes nothing") {
  ImportWorld world;
  const auto image = world.old.add_image(kApp.repository, 1, "1");
  auto signature = world.old.made_image(kApp.repository, 2);
  signature.subject = image;
  world.old.add_manifest(kApp.repository, signature);
  const auto cut = world.old.made_image(kApp.repository, 3);
  world.old.add_manifest(kApp.repository, cut, "cut");
  std::filesystem::resize_file(world.old.data(cut.layers[0].digest), 100);
  routes::ImportReport plan([](const std::string&) {});
  routes::ImportParts parts{*world.store, world.disk, world.clock};
  parts.is_dry = true;
  REQUIRE(routes::import_registry(parts, world.wanted, plan));
  CHECK_FALSE(world.has_tag(kApp, "1"));
  CHECK(world.store->budget().of("private").stored == 0);
  const auto done = world.import();
  CHECK(plan.counts.tags == done.counts.tags);
  CHECK(plan.counts.manifests == done.counts.manifests);
  CHECK(plan.counts.tags_skipped == 1);
  CHECK(plan.left_out() == done.left_out());
  CHECK(plan.surveyed_bytes == done.surveyed_bytes);
}

TEST_CASE("what cannot be linked is copied") {
  ImportWorld world;
  const auto image = world.old.made_image(kApp.repository, 1);
  world.old.add_manifest(kApp.repository, image, "1");
  world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  const auto report = world.import();
  CHECK(report.counts.blobs_copied == 2);
  CHECK(world.holds(content_of(20'001, 1)));
  CHECK(names_of(world.old.data(image.layers[0].digest)) == 1);
}

TEST_CASE(
    "an import that is cut at any step leaves a store whose tags are whole, and the next run finishes it") {
  uint64_t steps = 1;
  for (uint64_t step = 1; step <= steps; step += 7) {
    ImportWorld world;
    const auto image = world.old.made_image(kApp.repository, 1);
    const auto top = world.old.add_manifest(kApp.repository, image, "1");
    const uint64_t before = world.disk.operations();
    world.disk.cut_at(step);
    routes::ImportReport report([](const std::string&) {});
    const bool was_whole = world.try_import(report).has_value();
    if (!was_whole || world.disk.operations() - before >= step) steps = step + 7;
    world.crash();
    world.disk.power_cut();
    REQUIRE(world.open());
    if (world.has_tag(kApp, "1")) CHECK(world.holds(content_of(20'001, 1)));
    (void)world.import();
    CHECK(world.tag_of("1") == top.digest);
    CHECK(world.holds(content_of(20'001, 1)));
    CHECK(world.store->budget().of("private").stored == world.bytes_on_disk());
    if (step > 2000) FAIL("it never ends");
  }
}

TEST_CASE("what is gone here of an image that a tag names is taken again, and the tag is as old as it was") {
  ImportWorld world;
  const auto image = world.old.made_image(kApp.repository, 1);
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.manifests = {world.old.add_manifest(kApp.repository, image)};
  world.old.add_manifest(kApp.repository, index, "1");
  // So that the two do not share a file.
  world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  (void)world.import();
  const auto set_at = world.store->catalog().tag(kApp, "1", Reach::disk).value()->set_at;
  const auto& layer = image.layers[0].digest;
  const auto& child = index.manifests[0].digest;
  for (const Digest& lost : {layer, child}) {
    // A file that is short has no record any more once somebody has asked for it; one may not have been asked
    // for.
    const bool is_noticed = GENERATE(false, true);
    std::filesystem::resize_file(world.store->parts().files.path_of(lost), 10);
    REQUIRE(world.open());
    if (is_noticed) CHECK_FALSE(world.store->blobs().open(lost));
    const auto report = world.import();
    CHECK(report.counts.tags_mended == 1);
    CHECK(report.counts.tags_here == 0);
    CHECK(report.summary().find("mended: 1 tags") != std::string::npos);
    CHECK(world.store->blobs().open(lost));
    CHECK(world.store->catalog().tag(kApp, "1", Reach::disk).value()->set_at == set_at);
  }
  CHECK(world.holds(content_of(20'001, 1)));
  CHECK(world.import().counts.tags_here == 1);
}

TEST_CASE("what is gone here and damaged there is told, and its tag is left out") {
  ImportWorld world;
  const auto image = world.old.made_image(kApp.repository, 1);
  world.old.add_manifest(kApp.repository, image, "1");
  (void)world.import();
  std::filesystem::resize_file(world.old.data(image.layers[0].digest), 10);  // the same file
  const auto report = world.import();
  CHECK(world.said("short blob: ", image.layers[0].digest.text()));
  CHECK(world.said("skipped: ", kApp.repository + ":1"));
  CHECK(report.counts.tags_skipped == 1);
  CHECK(report.counts.tags_here + report.counts.tags_mended == 0);
}

TEST_CASE("what the disk does not give of another's folder is told, and the rest is taken over") {
  ImportWorld world;
  world.old.add_image("team/app", 1, "1");
  const auto unreadable = world.old.made_image("team/app", 2);
  world.old.add_manifest("team/app", unreadable, "2");
  world.old.add_image("team/shut/in", 3, "3");
  const auto root = world.old.folder() / "docker/registry/v2";
  const auto& layer = unreadable.layers[0].digest;
  const std::string shelf = "blobs/sha256/" + layer.hex().substr(0, 2);
  world.disk.fail_on(FaultyDisk::Operation::link, world.old.data(layer), Error::Kind::invalid);
  world.disk.fail_on(FaultyDisk::Operation::open, world.old.data(layer));
  world.disk.fail_on(FaultyDisk::Operation::list, root / "repositories/team/shut");
  world.disk.fail_on(FaultyDisk::Operation::list, root / shelf);
  const auto report = world.import();
  CHECK(world.said("unreadable: ", layer.text()));
  CHECK(world.said("unreadable: ", "team/shut"));
  CHECK(world.said("unreadable: ", shelf));
  CHECK(world.said("skipped: ", "team/app:2"));
  CHECK(report.counts.tags == 1);
  CHECK(world.has_tag(kApp, "1"));
  CHECK(world.holds(content_of(20'001, 1)));
}

TEST_CASE("symbolic links in another's folder are followed, and do not lead round") {
  ImportWorld world;
  const auto image = world.old.made_image(kApp.repository, 1);
  world.old.add_manifest(kApp.repository, image, "1");
  const auto data = world.old.data(image.layers[0].digest), elsewhere = world.folder.path() / "elsewhere";
  std::filesystem::rename(data, elsewhere);
  std::filesystem::create_symlink(elsewhere, data);
  const auto team = world.old.folder() / "docker/registry/v2/repositories/team";
  std::filesystem::create_directory_symlink("app", team / "also");
  std::filesystem::create_directory_symlink("..", team / "round");
  std::filesystem::create_symlink("nowhere", team / "dangling");
  const bool is_linked = GENERATE(true, false);
  if (!is_linked) world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  const auto report = world.import();
  CHECK(report.counts.tags == 2);
  CHECK(world.has_tag({"private", "team/also"}, "1"));
  CHECK(world.holds(content_of(20'001, 1)));
  CHECK(std::filesystem::is_regular_file(
      std::filesystem::symlink_status(world.store->parts().files.path_of(image.layers[0].digest))));
  CHECK(world.lines.size() == 1);
  CHECK(world.said("unreadable: team/round: ", "not followed"));
}

TEST_CASE("the blob of no bytes is no damage, and what belongs to tags that are here is not left behind") {
  ImportWorld world;
  auto image = world.old.made_image(kApp.repository, 1);
  image.layers.push_back(world.old.add_blob(kApp.repository, ""));
  world.old.add_manifest(kApp.repository, image, "1");
  world.old.add_blob("team/other", "nobody's");
  CHECK(world.import().counts.blobs_unreferenced == 1);
  const auto again = world.import();
  CHECK(again.counts.tags_here == 1);
  CHECK(again.counts.blobs_unreferenced == 1);
  world.wanted.route = "other";
  std::filesystem::remove(world.old.tag_link(kApp.repository, "1"));
  (void)world.import();
  CHECK_FALSE(world.said("empty blob: ", ""));
}

TEST_CASE("a tag that an import moves keeps its age") {
  ImportWorld world;
  world.old.add_image(kApp.repository, 1, "1");
  const auto link = world.old.tag_link(kApp.repository, "1");
  const auto written = std::filesystem::last_write_time(link);
  std::filesystem::last_write_time(link, written - std::chrono::hours(48));
  (void)world.import();
  const auto before = world.store->catalog().tag(kApp, "1", Reach::disk).value()->set_at;
  const auto second = world.old.add_image(kApp.repository, 2, "1");
  std::filesystem::last_write_time(link, written - std::chrono::hours(24));
  CHECK(world.import().counts.tags == 1);
  CHECK(world.tag_of("1") == second.digest);
  CHECK(world.store->catalog().tag(kApp, "1", Reach::disk).value()->set_at - before ==
        std::chrono::hours(24));
}

TEST_CASE("a pattern that no repository matches is a mistake") {
  ImportWorld world;
  world.old.add_image(kApp.repository, 1, "1");
  world.wanted.repositories = "nomatch*";
  routes::ImportReport report([](const std::string&) {});
  const auto done = world.try_import(report);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.starts_with("there is no repository called nomatch* below "));
  CHECK_FALSE(report.has_anything());
}

TEST_CASE("a folder that is no registry's is told as such") {
  ImportWorld world;
  routes::ImportReport report([](const std::string&) {});
  const auto done = world.try_import(report);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == Error::Kind::not_found);
}

}  // namespace breakwater::test
