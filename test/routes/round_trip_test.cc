// What was pushed comes back from a layout, byte by byte and type by type, whatever it is called; and what is
// planted in a folder of others does no harm.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "routes/oci/manifest.h"
#include "routes/transfer/exports.h"
#include "routes/transfer/image_layout.h"
#include "routes/transfer/imports.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/made_registry_folder.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::test {
namespace {

using routes::Damage;
using routes::ImageLayout;
using store::Digest;
using store::Reach;
using store::RepositoryKey;

constexpr const char* kOwnType = "application/vnd.own+json";

std::string text_of(const Descriptor& one, bool has_type = true) {
  return (has_type ? R"({"mediaType":")" + one.media_type + R"(",)" : std::string("{")) + R"("digest":")" +
         one.digest.text() + R"(","size":)" + std::to_string(one.size) + "}";
}

std::string text_in(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct TransferWorld : PushedWorld {
  std::vector<std::string> lines;

  Descriptor blob(const std::string& content, std::string_view type, const RepositoryKey& repository) {
    return Descriptor(type, upload(content, repository), content.size());
  }
  // As a client would, with this Content-Type.
  Descriptor push_as(const RepositoryKey& repository, const std::string& text, std::string_view type,
                     const std::vector<std::string>& tags) {
    const Digest digest = digest_of(text);
    const auto read = routes::read_manifest(text, type, digest);
    REQUIRE(read);
    const auto missing =
        store->manifests().push(repository, digest, text, read->content, tags, routes::read_content);
    REQUIRE(missing);
    REQUIRE(missing->empty());
    return Descriptor(type, digest, text.size());
  }
  // Of one config and one layer, and without a mediaType of its own.
  std::string image(const RepositoryKey& repository, uint32_t seed) {
    const auto config = blob(R"({"seed":)" + std::to_string(seed) + "}", kConfigType, repository);
    const auto layer = blob(test::content_of(2000 + seed, seed), kLayerType, repository);
    return R"({"schemaVersion":2,"config":)" + text_of(config) + R"(,"layers":[)" + text_of(layer) + "]}";
  }

  std::filesystem::path to() const { return folder.path() / "out"; }
  Result<routes::Exported> give() {
    return routes::export_images(*store, disk, {"private", "*", to()},
                                 [this](const std::string& line) { lines.push_back(line); });
  }
  routes::ImportReport take(routes::ImportSettings wanted) {
    routes::ImportReport report([this](const std::string& line) { lines.push_back(line); });
    const auto done = routes::import_layouts({*store, disk, clock}, wanted, report);
    if (!done) FAIL(done.error().message);
    return report;
  }
  routes::ImportReport take() { return take({to(), "other", "*", {}, {}}); }
  routes::ImportReport take_layout(const std::filesystem::path& layout, const std::string& tag) {
    return take({layout, "other", "team/app", tag, {}});
  }
  bool said(const std::string& begin) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.starts_with(begin); });
  }

  std::string type_of_tag(const std::string& route, const std::string& name, const std::string& tag) {
    const auto leased = store->references().lease_tag({route, name}, tag, Reach::disk);
    return leased ? leased->record.media_type : "none";
  }
  std::string type_of(const std::string& route, const std::string& name, const Digest& digest) {
    const auto record = store->catalog().manifest({route, name}, digest, Reach::disk);
    return record && *record ? (*record)->media_type : "none";
  }
};

}  // namespace

TEST_CASE("a manifest of any type comes back from a layout as what it was pushed as") {
  TransferWorld world;
  const RepositoryKey& app = world.app;
  const std::string own = R"({"no":"mediaType"})", opaque = std::string("\x01\x02\0\xff", 4);
  const auto layer = world.blob(test::content_of(900, 50), kLayerType, app);
  const std::string schema1 = R"({"schemaVersion":1,"fsLayers":[{"blobSum":")" + layer.digest.text() +
                              R"("}],"signatures":[{"signature":"x"}]})";
  const std::string no_layer = R"({"schemaVersion":1,"fsLayers":[{"blobSum":")" +
                               digest_of(std::string("nowhere")).text() + R"("}],"signatures":[]})";
  const std::string docker = world.image(app, 1), child = world.image(app, 2), both = world.image(app, 3);
  const std::string untyped = world.image(app, 4);
  struct Row {
    std::string tag, text;
    std::string_view type;
  };
  const auto docker_child = world.push_as(app, child, routes::kDockerManifest, {});
  const auto docker_untyped = world.push_as(app, untyped, routes::kDockerManifest, {});
  const auto own_child = world.push_as(app, R"({"own":1})", kOwnType, {});
  const std::vector<Row> rows = {
      {"own", own, kOwnType},
      {"opaque", opaque, "application/vnd.own.bytes"},
      {"schema1", schema1, routes::kDockerSchema1Signed},
      {"no-layer", no_layer, routes::kDockerSchema1Signed},
      {"docker", docker, routes::kDockerManifest},
      {"oci", both, routes::kOciManifest},
      {"same-bytes", both, routes::kDockerManifest},
      {"list", R"({"manifests":[)" + text_of(docker_child) + "]}", routes::kDockerList},
      {"untyped-child", R"({"manifests":[)" + text_of(docker_untyped, false) + "]}", routes::kOciIndex},
      {"own-child", R"({"manifests":[)" + text_of(own_child) + "]}", routes::kOciIndex},
  };
  for (const Row& row : rows) world.push_as(app, row.text, row.type, {row.tag});
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->tags == rows.size());
  CHECK(exported->left_out() == 0);
  const auto report = world.take();
  CAPTURE(world.lines);
  CHECK(world.lines.empty());
  CHECK(report.left_out() == 0);
  for (const Row& row : rows) {
    CAPTURE(row.tag);
    CHECK(world.type_of_tag("private", app.repository, row.tag) == row.type);
    CHECK(world.type_of_tag("other", app.repository, row.tag) == row.type);
    const auto bytes = world.store->manifests().bytes({"other", app.repository}, digest_of(row.text));
    CHECK((bytes && *bytes == row.text));
  }
  for (const Descriptor& one : {docker_child, docker_untyped, own_child})
    CHECK(world.type_of("other", app.repository, one.digest) == one.media_type);
  CHECK(world.store->catalog().parent_in(layer.digest, {"other", app.repository}, Reach::disk).value());
}

TEST_CASE("repositories that are called like files of a layout are exported and come back") {
  TransferWorld world;
  const std::vector<std::string> names = {"coll",       "coll/index.json",   "coll/oci-layout",
                                          "coll/blobs", "coll/blobs/sha256", "coll/index.json/blobs",
                                          "blobs",      "index.json/deep",   "coll/index.json.incomplete"};
  uint32_t seed = 1;
  for (const std::string& name : names) {
    const RepositoryKey repository{"private", name};
    world.push_as(repository, world.image(repository, seed++), routes::kOciManifest, {"1"});
  }
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->repositories == names.size());
  CHECK(exported->left_out() == 0);
  CHECK(world.give()->repositories == names.size());
  CHECK(world.take().counts.tags == names.size());
  CAPTURE(world.lines);
  CHECK(world.lines.empty());
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(world.type_of_tag("other", name, "1") == routes::kOciManifest);
    CHECK(world.store->catalog().tag({"other", name}, "1", Reach::disk).value()->digest ==
          world.store->catalog().tag({"private", name}, "1", Reach::disk).value()->digest);
  }
}

TEST_CASE("a repository whose folder cannot be written is named, and the others are exported") {
  TransferWorld world;
  for (const char* name : {"a", "b/c", "d"}) {
    const RepositoryKey repository{"private", name};
    world.push_as(repository, world.image(repository, 1), routes::kOciManifest, {"1"});
  }
  write_file(world.to() / "b", "a file");
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->repositories == 2);
  CHECK(exported->left_out() == 1);
  CHECK(world.said("not exported: b/c: "));
  CHECK(text_in(world.to() / "b") == "a file");
}

TEST_CASE("an export follows no symbolic link that is planted below its target") {
  const char* const planted =
      GENERATE("team", "team/app", "team/app/blobs", "team/app/blobs/sha256", "team/app/.index.json.new",
               "team/app/.oci-layout.new", "team/app/index.json", "team/app/oci-layout", "blob", "blob.new",
               "blob.incomplete");
  const bool is_linked = GENERATE(true, false);
  CAPTURE(planted, is_linked);
  TransferWorld world;
  if (!is_linked) world.disk.fail_each(FaultyDisk::Operation::link, Error::Kind::invalid);
  const std::string text = world.image(world.app, 1);
  world.push_as(world.app, text, routes::kOciManifest, {"1"});
  std::string below = planted;
  const bool is_folder = below.find("blob") == std::string::npos ? below.find('.') == std::string::npos
                                                                 : below.starts_with("team");
  if (below.starts_with("blob"))
    below = "team/app/blobs/sha256/" + digest_of(text).hex() + below.substr(std::string("blob").size());
  const auto victim = world.folder.path() / "victim", link = world.to() / below;
  if (is_folder && below != "team/app/oci-layout") std::filesystem::create_directories(victim);
  if (!std::filesystem::exists(victim))
    write_file(victim, below.ends_with("index.json") ? "{\"manifests\":[]}" : "theirs");
  const bool is_directory = std::filesystem::is_directory(victim);
  const std::string before = is_directory ? "" : text_in(victim);
  std::filesystem::create_directories(link.parent_path());
  std::filesystem::create_symlink(victim, link);
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->left_out() == (is_directory ? 1 : 0));
  CHECK(std::filesystem::is_directory(victim) == is_directory);
  if (is_directory) CHECK(std::filesystem::is_empty(victim));
  if (!is_directory) CHECK(text_in(victim) == before);
  if (is_directory) return;
  const auto there =
      std::filesystem::symlink_status(ImageLayout::blob_file(world.to() / "team/app", digest_of(text)));
  CHECK(std::filesystem::is_regular_file(there));
  CHECK(world.take().counts.tags == 1);
}

TEST_CASE("what is no regular file in a folder of others is told, and nobody waits for it") {
  TransferWorld world;
  MadeRegistryFolder old(world.folder.path() / "old");
  old.add_image("team/app", 1, "whole");
  const auto replace = [](const std::filesystem::path& file) {
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  };
  const auto linked = old.add_image("team/app", 2, "link");
  replace(old.tag_link("team/app", "link"));
  const auto manifest = old.add_image("team/app", 3, "manifest");
  replace(old.data(manifest.digest));
  auto config = old.made_image("team/app", 4);
  config.config = Descriptor(kConfigType, digest_of(std::string()), 0);
  old.add_blob("team/app", "", kConfigType);
  replace(old.data(config.config->digest));
  old.add_manifest("team/app", config, "config");
  routes::ImportReport report([&](const std::string& line) { world.lines.push_back(line); });
  const auto done = routes::import_registry({*world.store, world.disk, world.clock},
                                            {old.folder(), "private", "*", {}, {}}, report);
  REQUIRE(done);
  CHECK(report.counts.tags == 1);
  CHECK(report.counts.tags_skipped == 3);
  CHECK(report.left_out() == 3);
  CHECK(world.said("skipped: team/app:config: "));

  REQUIRE(world.give());
  replace(world.to() / "team/app/index.json");
  CHECK(world.take().left_out() == 1);
  CHECK(world.said("unreadable: " + (world.to() / "team/app").string()));
  const auto again = world.give();
  REQUIRE(again);
  CHECK(again->left_out() == 1);
}

TEST_CASE("an index.json of more entries than any bound of a manifest is written and read again") {
  constexpr size_t kTags = 75'000;
  const Folder folder;
  const auto disk = store::make_posix_disk();
  std::filesystem::create_directories(folder.path() / "blobs/sha256");
  std::filesystem::create_directories(folder.path() / "blobs/sha512");
  auto writer = routes::LayoutWriter::begin(*disk, folder.path());
  REQUIRE(writer);
  const Digest digest = digest_of(std::string("manifest"));
  for (size_t i = 0; i < kTags; ++i) {
    REQUIRE(writer->add({digest, std::string(routes::kOciManifest), 8, "tag-" + std::to_string(i), "",
                         store::Time(std::chrono::milliseconds(i))}));
  }
  REQUIRE(writer->end());
  const auto layout = ImageLayout::open(*disk, folder.path(), [](const std::string&) { FAIL("unreadable"); });
  REQUIRE(layout);
  size_t read = 0;
  bool is_same = true;
  REQUIRE(layout->each_entry([&](const ImageLayout::Entry& entry) -> Result<> {
    is_same = is_same && entry.name == "tag-" + std::to_string(read) && entry.digest == digest;
    ++read;
    return {};
  }));
  CHECK(read == kTags);
  CHECK(is_same);
}

TEST_CASE("an entry of index.json is read whatever is around it, and what is too large is told") {
  const Folder folder;
  const auto disk = store::make_posix_disk();
  const std::string digest = digest_of(std::string("x")).text();
  const std::string entry = R"({"digest":")" + digest + R"(","size":1e3,"a":[{"manifests":[1,{"b":null}]}]})";
  const std::string large = R"({"digest":")" + digest + R"(","a":")" + std::string(2 << 20, 'x') + R"("})";
  std::string many = R"({"digest":")" + digest + R"(","a":[)";
  for (int i = 0; i < 20'000; ++i) many += "[],";
  many += "0]}";
  write_file(folder.path() / "index.json", R"({"x":{"manifests":[{}]},"y":[[]],"manifests":[)" + entry + "," +
                                               large + ",7," + many + "," + entry + R"(],"z":1})");
  std::vector<std::string> unreadable;
  const auto layout =
      ImageLayout::open(*disk, folder.path(), [&](const std::string& one) { unreadable.push_back(one); });
  REQUIRE(layout);
  CHECK(unreadable.size() == 3);
  std::vector<std::string> read;
  REQUIRE(layout->each_entry([&](const ImageLayout::Entry& one) -> Result<> {
    read.push_back(one.descriptor);
    return {};
  }));
  REQUIRE(read.size() == 2);
  CHECK(read[0] == read[1]);
  CHECK(read[0].find(R"("a":[{"manifests":[1,{"b":null}]}])") != std::string::npos);
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string("7"), std::string(R"({"manifests":{}})"),
        std::string(R"({"manifests":7})"), std::string(R"({"manifests":[)"), R"({"manifests":[)" + entry,
        R"({"manifests":[]}x)" + entry, R"({"manifests":[],"x":")" + std::string(20 << 20, 'x') + R"("})"}) {
    write_file(folder.path() / "index.json", text);
    const auto refused = ImageLayout::open(*disk, folder.path(), [](const std::string&) {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::invalid);
  }
}

TEST_CASE("a layout without names is taken with the tag that is given, and only if that is clear") {
  TransferWorld world;
  const std::string one = world.image(world.app, 1), two = world.image(world.app, 2);
  world.push_as(world.app, one, routes::kOciManifest, {"1"});
  world.push_as(world.app, two, routes::kOciManifest, {"2"});
  REQUIRE(world.give());
  const auto layout = world.to() / "team/app";
  const auto entry = [](const std::string& text, const std::string& name) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
           digest_of(text).text() + R"(","size":)" + std::to_string(text.size()) +
           (name.empty() ? "" : R"(,"annotations":{"org.opencontainers.image.ref.name":")" + name + R"("})") +
           "}";
  };
  const auto write = [&](const std::string& entries) {
    write_file(layout / "index.json", R"({"schemaVersion":2,"manifests":[)" + entries + "]}");
  };
  write(entry(one, ""));
  CHECK(world.take_layout(layout, "").left_out() == 1);
  CHECK(world.said("skipped: team/app@" + digest_of(one).text()));
  CHECK(world.type_of_tag("other", "team/app", "new") == "none");

  const auto taken = world.take_layout(layout, "new");
  CHECK(taken.left_out() == 0);
  CHECK(taken.counts.tags == 1);
  CHECK(world.said("named: team/app:new: "));
  CHECK(world.type_of_tag("other", "team/app", "new") == routes::kOciManifest);

  // A whole reference is no tag's name either.
  write(entry(two, "docker.io/library/app:1"));
  CHECK(world.take_layout(layout, "whole").left_out() == 0);
  CHECK(world.type_of_tag("other", "team/app", "whole") == routes::kOciManifest);

  write(entry(one, "") + "," + entry(two, ""));
  CHECK(world.take_layout(layout, "which").left_out() == 1);
  CHECK(world.type_of_tag("other", "team/app", "which") == "none");
  write(entry(one, "named"));
  CHECK(world.take_layout(layout, "which").left_out() == 1);
  CHECK(world.type_of_tag("other", "team/app", "named") == routes::kOciManifest);
}

TEST_CASE("a size that a blob has not is refused by an import and by an export, and both are named") {
  TransferWorld world;
  const std::string image = world.image(world.app, 1);
  const std::string right = std::to_string(2001), wrong = std::to_string(2002);
  std::string other = image;
  other.replace(other.rfind(right), right.size(), wrong);
  // As a version before took it in.
  const Digest digest = digest_of(other);
  const auto content = routes::read_manifest(other, routes::kOciManifest, digest);
  REQUIRE(world.store->manifests().put(world.app, digest, other, content->content, "1",
                                       store::Durability::synced));
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->tags_skipped == 1);
  REQUIRE(world.lines.size() == 1);
  for (const std::string& part : {right, wrong, digest_of(test::content_of(2001, 1)).text()})
    CHECK(world.lines[0].find(part) != std::string::npos);

  MadeRegistryFolder old(world.folder.path() / "old");
  auto made = old.made_image("team/app", 7);
  ++made.layers[0].size;
  old.add_manifest("team/app", made, "1");
  routes::ImportReport report([&](const std::string& line) { world.lines.push_back(line); });
  REQUIRE(routes::import_registry({*world.store, world.disk, world.clock},
                                  {old.folder(), "private", "*", {}, {}}, report));
  CHECK(report.left_out() == 1);
  CHECK(world.said("short blob: " + made.layers[0].digest.text() + ": 20007 of 20008 bytes"));
}

TEST_CASE("16 levels of manifests below an image's tag go out and come in, and more are left out") {
  TransferWorld world;
  const int levels = GENERATE(16, 17, 300);
  CAPTURE(levels);
  std::string text = world.image(world.app, 1);
  Descriptor top = world.push_as(world.app, text, routes::kOciManifest, {});
  // As a version before took it in: without asking how deep it is.
  for (int level = 1; level <= levels; ++level) {
    text = R"({"manifests":[)" + text_of(top) + "]}";
    const auto content = routes::read_manifest(text, routes::kOciIndex, digest_of(text));
    REQUIRE(world.store->manifests().put(world.app, digest_of(text), text, content->content,
                                         level == levels ? "1" : "", store::Durability::buffered));
    top = Descriptor(routes::kOciIndex, digest_of(text), text.size());
  }
  const auto exported = world.give();
  REQUIRE(exported);
  CHECK(exported->tags == (levels > 16 ? 0 : 1));
  CHECK(exported->left_out() == (levels > 16 ? 1 : 0));
  const auto report = world.take();
  CHECK(report.counts.tags == (levels > 16 ? 0 : 1));
}

TEST_CASE("referrers of referrers come in however many and in whatever order they are") {
  TransferWorld world;
  MadeRegistryFolder old(world.folder.path() / "old");
  Descriptor subject = old.add_image("team/app", 1, "1");
  for (uint32_t i = 0; i < 40; ++i) {
    auto made = old.made_image("team/app", 2 + i);
    made.subject = subject;
    subject = old.add_manifest("team/app", made);
  }
  routes::ImportReport report([&](const std::string& line) { world.lines.push_back(line); });
  REQUIRE(routes::import_registry({*world.store, world.disk, world.clock},
                                  {old.folder(), "private", "*", {}, {}}, report));
  CHECK(world.lines.empty());
  CHECK(report.counts.referrers == 40);
}

}  // namespace breakwater::test
