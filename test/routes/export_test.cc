// Image layouts: what is exported can be imported, and is what was stored.
#include "routes/transfer/exports.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "routes/transfer/image_layout.h"
#include "routes/transfer/imports.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/made_registry_folder.h"

namespace breakwater::test {
namespace {

using store::Digest;
using store::RepositoryKey;
using store::Time;

std::string text_in(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<routes::ImageLayout::Entry> entries_of(store::Disk& disk, const std::filesystem::path& folder) {
  const auto layout = routes::ImageLayout::open(disk, folder, [](const std::string&) {});
  REQUIRE(layout);
  std::vector<routes::ImageLayout::Entry> entries;
  REQUIRE(layout->each_entry([&](const routes::ImageLayout::Entry& entry) -> Result<> {
    entries.push_back(entry);
    return {};
  }));
  return entries;
}

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
  Result<routes::Exported> give(const std::string& pattern) { return give_as("private", pattern, false); }
  Result<routes::Exported> give_as(const std::string& route, const std::string& pattern, bool is_mirror) {
    return routes::export_images(*store, disk, {route, pattern, to(), is_mirror},
                                 [this](const std::string& line) { lines.push_back(line); });
  }
  bool said(const std::string& begin) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.starts_with(begin); });
  }
  store::TagRecord tag_of(const RepositoryKey& repository, const std::string& tag) const {
    return store->catalog().tag(repository, tag, store::Reach::disk).value().value();
  }
  // As if it had been pushed at that time.
  void set_tag(const RepositoryKey& repository, const std::string& tag, const Digest& digest,
               Time set_at) const {
    REQUIRE(store->references().put_tag(repository, tag,
                                        {digest, std::string(routes::kOciManifest), set_at, set_at},
                                        store::Durability::synced));
  }
  static void set_modified(const std::filesystem::path& file, Time time) {
    std::filesystem::last_write_time(file, std::chrono::file_clock::from_sys(time));
  }
  // Why nothing could be taken over.
  std::string refused(const std::string& pattern, const std::filesystem::path& from) {
    routes::ImportSettings wanted;
    wanted.from = from;
    wanted.route = "other";
    wanted.repositories = pattern;
    routes::ImportReport report([](const std::string&) {});
    const auto done = routes::import_layouts({*store, disk, clock}, wanted, report);
    REQUIRE_FALSE(done);
    return done.error().message;
  }
  routes::ImportReport take(const std::string& route, const std::string& pattern,
                            const std::filesystem::path& from) {
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
  CHECK(world.store->manifests().bytes(back, world.index).value() ==
        world.store->manifests().bytes({"private", "team/app"}, world.index).value());
  CHECK(world.store->catalog().referrers(back, world.index, std::nullopt, 10).value().at(0).digest ==
        world.signature);
}

TEST_CASE("repositories are chosen by pattern, and one layout becomes the repository that is named") {
  ExportWorld world;
  REQUIRE(world.give("team/t*").value().repositories == 1);
  CHECK_FALSE(std::filesystem::exists(world.to() / "team/app"));
  CHECK(world.take("other", "else/where", world.to() / "team/tool").counts.tags == 1);
  CHECK(world.store->catalog().tag({"other", "else/where"}, "2", store::Reach::disk).value());
}

TEST_CASE("what is not there to be exported or taken over is a mistake") {
  ExportWorld world;
  const auto given = world.give("zzz*");
  REQUIRE_FALSE(given);
  CHECK(given.error().message == "private has no repository called zzz*");
  REQUIRE(world.give("*"));
  CHECK(
      world.refused("nothing/*", world.to()).starts_with("there is no image layout called nothing/* below "));
  std::filesystem::create_directories(world.folder.path() / "empty");
  CHECK(world.refused("*", world.folder.path() / "empty").starts_with("there is no image layout below "));
  CHECK(world.refused("*", world.folder.path() / "nowhere").starts_with("there is no image layout below "));
}

TEST_CASE("an export replaces a blob file that is not what it should be, of whatever size") {
  ExportWorld world;
  const auto layer = digest_of(content_of(20'001, 1));
  const auto file = routes::ImageLayout::blob_file(world.to() / "team/app", layer);
  const bool is_linked = GENERATE(true, false);
  if (!is_linked) world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  for (const std::string& there : {std::string("short"), content_of(20'001, 99), content_of(20'001, 1)}) {
    std::filesystem::remove(file);
    write_file(file, there);
    REQUIRE(world.give("*"));
    CHECK(text_in(file) == content_of(20'001, 1));
    CHECK_FALSE(std::filesystem::exists(file.string() + ".new"));
  }
  CHECK(world.take("other", "*", world.to()).counts.tags == 2);
}

TEST_CASE("an export into a layout that is there keeps what that has of other names, if it is whole") {
  ExportWorld world;
  REQUIRE(world.give("team/tool"));
  const auto folder = world.to() / "team/tool";
  // Another tool's image, with an annotation of its own; one of which nothing is there; and one of a name
  // that is ours.
  MadeManifest image;
  image.config = Descriptor(kConfigType, digest_of(std::string("{}")), 2);
  const std::string text = image.text();
  write_file(routes::ImageLayout::blob_file(folder, digest_of(text)), text);
  write_file(routes::ImageLayout::blob_file(folder, digest_of(std::string("{}"))), "{}");
  const auto entry = [&](const Digest& digest, const std::string& name) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + digest.text() +
           R"(","size":)" + std::to_string(text.size()) +
           R"(,"annotations":{"their.own":"word","org.opencontainers.image.ref.name":")" + name + R"("}})";
  };
  write_file(folder / "index.json", R"({"schemaVersion":2,"manifests":[)" + entry(digest_of(text), "theirs") +
                                        "," + entry(digest_of(std::string("gone")), "gone") + "," +
                                        entry(digest_of(text), "2") + "]}");
  REQUIRE(world.give("team/tool"));
  const auto entries = entries_of(world.disk, folder);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "2");
  CHECK(entries[0].digest != digest_of(text));
  CHECK(entries[1].name == "theirs");
  CHECK(entries[1].descriptor.find("their.own") != std::string::npos);
}

TEST_CASE("a layout of symbolic links is taken over") {
  ExportWorld world;
  REQUIRE(world.give("team/tool"));
  const auto folder = world.to() / "team/tool", elsewhere = world.folder.path() / "elsewhere";
  std::filesystem::create_directories(elsewhere);
  for (const auto& blob : std::filesystem::directory_iterator(folder / "blobs/sha256")) {
    std::filesystem::rename(blob.path(), elsewhere / blob.path().filename());
    std::filesystem::create_symlink(elsewhere / blob.path().filename(), blob.path());
  }
  std::filesystem::create_directory_symlink("tool", world.to() / "team/also");
  std::filesystem::create_directory_symlink("..", world.to() / "team/round");
  const auto report = world.take("other", "*", world.to());
  CHECK(report.counts.tags == 2);
  REQUIRE(world.lines.size() == 1);
  CHECK(world.lines[0].find("not followed") != std::string::npos);
}

TEST_CASE("entries of a layout that say nothing, or another size than the manifest has, are named") {
  ExportWorld world;
  REQUIRE(world.give("team/tool"));
  const auto file = world.to() / "team/tool/index.json";
  std::string index = text_in(file);
  const auto size = index.find("\"size\":");
  REQUIRE(size != std::string::npos);
  index.insert(size + 7, "1");
  index.insert(index.rfind(']'), R"(,{"digest":"sha256:zz"},7)");
  write_file(file, index);
  const auto report = world.take("other", "other/name", world.to() / "team/tool");
  CHECK(report.counts.tags == 0);
  CHECK(report.counts.tags_skipped == 1);
  CHECK(report.count(routes::Damage::unreadable) == 2);
  CHECK(report.count(routes::Damage::short_blob) == 1);
  CHECK(std::any_of(world.lines.begin(), world.lines.end(),
                    [](const std::string& line) { return line.find("sha256:zz") != std::string::npos; }));
}

TEST_CASE("a tag of which a blob has rotted is not exported, and is named") {
  ExportWorld world;
  const auto path = world.store->parts().files.path_of(digest_of(content_of(20'004, 4)));
  write_file(path, content_of(20'004, 5));
  const auto exported = world.give("*");
  REQUIRE(exported);
  CHECK(exported->tags == 1);
  CHECK(exported->tags_skipped == 1);
  REQUIRE(world.lines.size() == 1);
  CHECK(world.lines[0].starts_with("skipped: team/tool:2: "));
}

TEST_CASE("a tag is as old as it was when it comes back from a layout") {
  ExportWorld world;
  const RepositoryKey tool{"private", "team/tool"}, back{"other", "team/tool"};
  const Time set_at = world.clock.now() - std::chrono::hours(48) - std::chrono::milliseconds(123);
  world.set_tag(tool, "2", world.tag_of(tool, "2").digest, set_at);
  REQUIRE(world.give("team/tool"));
  CHECK(text_in(world.to() / "team/tool/index.json")
            .find(R"("io.breakwater.tag.set-at":"2023-11-12T22:13:19.877Z")") != std::string::npos);
  CHECK(world.take("other", "*", world.to()).counts.tags == 1);
  CHECK(world.tag_of(back, "2").set_at == set_at);
}

TEST_CASE("of a layout's tag and one that is here the younger stays") {
  ExportWorld world;
  const RepositoryKey tool{"private", "team/tool"}, back{"other", "team/tool"};
  const Digest there = world.tag_of(tool, "2").digest;
  const Time set_at = world.clock.now() - std::chrono::hours(48);
  world.set_tag(tool, "2", there, set_at);
  REQUIRE(world.give("*"));
  world.take("other", "team/tool", world.to() / "team/app");  // so that it has another image
  world.set_tag(back, "2", world.index, set_at + std::chrono::hours(1));
  const auto kept = world.take("other", "*", world.to());
  CHECK(kept.counts.tags_kept == 1);
  CHECK(world.said("kept: team/tool:2: "));
  CHECK(world.tag_of(back, "2").digest == world.index);

  world.set_tag(back, "2", world.index, set_at - std::chrono::hours(1));
  CHECK(world.take("other", "*", world.to()).counts.tags == 1);
  CHECK(world.tag_of(back, "2").digest == there);
  CHECK(world.tag_of(back, "2").set_at == set_at);
}

TEST_CASE("a layout's tag of unknown age becomes a new one, and moves none that is here") {
  const bool is_malformed = GENERATE(true, false);
  ExportWorld world;
  const RepositoryKey tool{"private", "team/tool"}, back{"other", "team/tool"}, fresh{"other", "team/fresh"};
  const Digest there = world.tag_of(tool, "2").digest;
  world.set_tag(tool, "2", there, world.clock.now() - std::chrono::hours(48));
  REQUIRE(world.give("*"));
  const auto file = world.to() / "team/tool/index.json";
  std::string index = text_in(file);
  const auto name = index.find("io.breakwater.tag.set-at");
  if (name != std::string::npos) index.replace(is_malformed ? index.find("2023", name) : name, 4, "last");
  write_file(file, index);
  const auto modified =
      std::chrono::floor<std::chrono::milliseconds>(world.clock.now()) - std::chrono::hours(24);
  world.set_modified(file, modified);

  world.take("other", "team/tool", world.to() / "team/app");
  world.set_tag(back, "2", world.index, modified - std::chrono::hours(1000));
  world.lines.clear();
  const auto report = world.take("other", "team/tool", world.to() / "team/tool");
  CHECK(report.counts.tags == 0);
  CHECK(report.counts.tags_kept == 0);
  CHECK(world.said("skipped: team/tool:2: nothing says when it was set there"));
  CHECK(report.summary().find("1 tags of unknown age") != std::string::npos);
  CHECK(world.tag_of(back, "2").digest == world.index);

  CHECK(world.take("other", "team/fresh", world.to() / "team/tool").counts.tags == 1);
  CHECK(world.tag_of(fresh, "2").set_at == modified);
  CHECK(world.take("other", "team/fresh", world.to() / "team/tool").counts.tags_here == 1);
}

TEST_CASE("a tag's age is read from any time of RFC 3339, and from nothing else") {
  ExportWorld world;
  REQUIRE(world.give("team/tool"));
  const auto folder = world.to() / "team/tool";
  const std::string digest = world.tag_of({"private", "team/tool"}, "2").digest.text();
  const Time second{std::chrono::seconds(1'700'000'000)};
  struct Case {
    std::string text;
    std::optional<Time> time;
  };
  const std::vector<Case> cases = {
      {"2023-11-14T22:13:20Z", second},
      {"2023-11-14T22:13:20.5Z", second + std::chrono::milliseconds(500)},
      {"2023-11-14T22:13:20.123456789Z", second + std::chrono::milliseconds(123)},
      {"2023-11-15T00:43:20+02:30", second},
      {"2023-11-14T21:13:20.000-01:00", second},
      {"2024-02-29T00:00:00Z", Time{std::chrono::seconds(1'709'164'800)}},
      {"", {}},
      {"yesterday", {}},
      {"2023-02-29T00:00:00Z", {}},
      {"2023-11-14T24:00:00Z", {}},
      {"2023-11-14T22:60:00Z", {}},
      {"2023-11-14T22:13:20", {}},
      {"2023-11-14T22:13:20.Z", {}},
      {"2023-11-14T22:13:20+0230", {}},
      {"2023-11-14T22:13:20+24:00", {}},
      {"2023-11-14T22:13:20Z ", {}},
      {"2023-11-14 22:13:20Z", {}},
      {"+023-11-14T22:13:20Z", {}},
      {"1700000000", {}},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    write_file(
        folder / "index.json",
        R"({"schemaVersion":2,"manifests":[{"digest":")" + digest +
            R"(","annotations":{"org.opencontainers.image.ref.name":"2","io.breakwater.tag.set-at":")" +
            one.text + R"("}}]})");
    CHECK(entries_of(world.disk, folder).at(0).set_at == one.time);
  }
}

TEST_CASE(
    "a tag that cannot be given stays in the layout as it was there, if that is whole, and it is said") {
  // Of two names of one file both rot.
  const bool is_linked = GENERATE(false, true);
  ExportWorld world;
  if (!is_linked) world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  REQUIRE(world.give("*"));
  write_file(world.store->parts().files.path_of(digest_of(content_of(20'004, 4))), content_of(20'004, 5));
  REQUIRE(world.give("*").value().tags_skipped == 1);
  CHECK(world.said("skipped: team/tool:2: "));
  CHECK(world.said("kept: team/tool:2: ") == !is_linked);
  const auto entries = entries_of(world.disk, world.to() / "team/tool");
  CHECK(entries.size() == (is_linked ? 0 : 1));
  if (!is_linked) CHECK(entries.at(0).set_at == world.tag_of({"private", "team/tool"}, "2").set_at);
  CHECK(world.take("other", "*", world.to()).counts.tags == (is_linked ? 1 : 2));
}

TEST_CASE("a layout that cannot be understood is not changed, and the other repositories are exported") {
  const std::string text = GENERATE("no JSON", "{}", R"({"manifests":7})", "", "[]", R"({"manifests":[)",
                                    R"({"manifests":[{}],"manifests":[]})");
  ExportWorld world;
  const auto folder = world.to() / "team/tool";
  write_file(folder / "index.json", text);
  const auto given = world.give("*");
  REQUIRE(given);
  CHECK(given->repositories == 1);
  CHECK(given->repositories_skipped == 1);
  CHECK(given->left_out() == 1);
  CHECK(world.said("not exported: team/tool: " + (folder / "index.json").string() + " is no index"));
  CHECK(text_in(folder / "index.json") == text);
  CHECK_FALSE(std::filesystem::exists(folder / "blobs"));
}

TEST_CASE("what a mirror has carried is exported, although no push would be accepted like it") {
  ExportWorld world;
  const RepositoryKey key("hub", "library/app");
  const std::string layer = "the layer", config = "{}";
  for (const auto& blob : {layer, config}) {
    auto partial = world.store->partials().receive("hub", digest_of(blob).hex(), store::Algorithm::sha256);
    REQUIRE(partial);
    REQUIRE(world.store->capacity().grow(partial->reservation, blob.size()));
    REQUIRE(partial->writer->append(blob));
    REQUIRE(partial->writer->verify(digest_of(blob)));
    REQUIRE(world.store->commit_blob(*partial, key, store::Durability::synced));
  }
  const std::string type(routes::kOciManifest);
  const auto carry = [&](const std::string& tag, const std::string& layer_size) {
    const std::string bytes = R"({"schemaVersion":2,"mediaType":")" + type + R"(","config":{"digest":")" +
                              digest_of(config).text() + R"("},"layers":[{"digest":")" +
                              digest_of(layer).text() + R"(","size":)" + layer_size + "}]}";
    const auto manifest = routes::read_carried_manifest(bytes, type, digest_of(bytes));
    REQUIRE(world.store->manifests().put(key, digest_of(bytes), bytes, manifest.content, tag,
                                         store::Durability::synced));
    return digest_of(bytes);
  };
  const auto other_size = carry("1", "8");
  const auto no_size = carry("2", "null");
  const auto refused = world.give_as("hub", "*", false);
  REQUIRE(refused);
  CHECK(refused->tags_skipped == 2);
  const auto done = world.give_as("hub", "*", true);
  REQUIRE(done);
  CHECK(done->tags == 2);
  CHECK(done->left_out() == 0);
  const auto folder = world.to() / "library/app";
  CHECK(entries_of(world.disk, folder).size() == 2);
  for (const auto& digest : {other_size, no_size, digest_of(layer), digest_of(config)})
    CHECK(digest_of(text_in(routes::ImageLayout::blob_file(folder, digest))) == digest);
}

TEST_CASE("what an export leaves out of an index.json because it names nothing is said") {
  ExportWorld world;
  write_file(world.to() / "team/tool/index.json", R"({"manifests":[{"digest":"sha256:zz"}]})");
  REQUIRE(world.give("team/tool"));
  CHECK(world.said("left out: team/tool: "));
  CHECK(world.lines.at(0).find("sha256:zz") != std::string::npos);
}

}  // namespace breakwater::test
