// Image layouts: what is exported can be imported, and is what was stored.
#include "routes/exports.h"

#include <algorithm>
#include <vector>

#include "routes/image_layout.h"
#include "routes/imports.h"
#include "test/catch.h"
#include "test/fakes/made_registry_folder.h"

namespace breakwater::test {
namespace {

using store::Digest;
using store::RepositoryKey;

struct ExportWorld : StoreWorld {
  MadeRegistryFolder old{folder.path() / "old"};
  std::vector<std::string> lines;
  Digest index = digest_of(std::string()), signature = index;

  // team/app:1 is an index of two, with a signature; team/tool:2 an image.
  ExportWorld() {
    REQUIRE(open());
    MadeManifest made;
    made.media_type = routes::kOciIndex;
    made.manifests = {old.add_image("team/app", 1, ""), old.add_image("team/app", 2, "")};
    const auto top = old.add_manifest("team/app", made, "1");
    auto signs = old.made_image("team/app", 3);
    signs.subject = top;
    index = top.digest;
    signature = old.add_manifest("team/app", signs).digest;
    old.add_image("team/tool", 4, "2");
    routes::ImportSettings all;
    all.from = old.folder();
    all.route = "private";
    routes::ImportReport report([](const std::string&) {});
    REQUIRE(routes::import_registry({*store, disk, clock}, all, report));
  }

  std::filesystem::path to() const { return folder.path() / "out"; }
  Result<routes::Exported> give(const std::string& pattern) {
    return routes::export_images(*store, disk, {"private", pattern, to()}, [this](const std::string& line) { lines.push_back(line); });
  }
  routes::ImportReport take(const std::string& route, const std::string& pattern, const std::filesystem::path& from) {
    routes::ImportSettings wanted;
    wanted.from = from;
    wanted.route = route;
    wanted.repositories = pattern;
    routes::ImportReport report([this](const std::string& line) { lines.push_back(line); });
    const auto done = routes::import_layouts({*store, disk, clock}, wanted, report);
    if (!done) FAIL(done.error().message);
    return report;
  }
};

}  // namespace

TEST_CASE("what is exported comes back the same, with what refers to it") {
  ExportWorld world;
  const auto exported = world.give("*");
  REQUIRE(exported);
  CHECK(exported->tags == 2);
  CHECK(exported->referrers == 1);
  CHECK(world.lines.empty());
  const auto blob = routes::ImageLayout::blob_file(world.to() / "team/app", world.index);
  CHECK(std::filesystem::hard_link_count(blob) == 2);

  const auto report = world.take("other", "*", world.to());
  CHECK(world.lines.empty());
  CHECK(report.counts.tags == 2);
  CHECK(report.counts.referrers == 1);
  const RepositoryKey back{"other", "team/app"};
  CHECK(world.store->manifest_bytes(back, world.index).value() == world.store->manifest_bytes({"private", "team/app"}, world.index).value());
  CHECK(world.store->catalog().referrers(back, world.index, std::nullopt, 10).value().at(0).digest == world.signature);
}

TEST_CASE("repositories are chosen by pattern, and one layout becomes the repository that is named") {
  ExportWorld world;
  REQUIRE(world.give("team/t*").value().repositories == 1);
  CHECK_FALSE(std::filesystem::exists(world.to() / "team/app"));
  CHECK(world.take("other", "else/where", world.to() / "team/tool").counts.tags == 1);
  CHECK(world.store->catalog().tag({"other", "else/where"}, "2", store::Reach::disk).value());
  CHECK(world.take("other", "nothing/*", world.to()).counts.tags == 0);
}

TEST_CASE("a tag of which a blob has rotted is not exported, and is named") {
  ExportWorld world;
  const auto path = world.store->blobs().path_of(digest_of(content_of(20'004, 4)));
  write_file(path, content_of(20'004, 5));
  const auto exported = world.give("*");
  REQUIRE(exported);
  CHECK(exported->tags == 1);
  CHECK(exported->tags_skipped == 1);
  REQUIRE(world.lines.size() == 1);
  CHECK(world.lines[0].starts_with("skipped: team/tool:2: "));
}

}  // namespace breakwater::test
