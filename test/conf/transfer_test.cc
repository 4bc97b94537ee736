// The verbs that take over, write and look at what is stored, on a folder that nobody serves.
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "conf/open_folder.h"
#include "conf/options.h"
#include "conf/verify.h"
#include "routes/oci/media_type.h"
#include "store/blobs/parts.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/verb_world.h"

using namespace breakwater::conf;

namespace {

std::variant<Options, Exit> parsed(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"breakwater"};
  argv.insert(argv.end(), arguments);
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

using breakwater::test::digest_of;
using breakwater::test::Printed;
using breakwater::test::run;
using breakwater::test::text_of;
using breakwater::test::VerbWorld;

}  // namespace

TEST_CASE("neither an export nor an import has to do with the data folder itself") {
  VerbWorld world;
  world.store.reset();
  const Printed printed;
  const auto data = world.settings.data;
  const auto link = world.folder.path() / "link";
  std::filesystem::create_directory_symlink(data, link);
  for (const auto& inside : {data, data / "out", link / "blobs"}) {
    CAPTURE(inside);
    world.to = inside;
    CHECK(world.give() == 1);
    world.layout = inside;
    CHECK(world.take() == 1);
  }
  CHECK_FALSE(std::filesystem::exists(data / "out"));
  // Above it a repository may be called as the data folder is.
  const auto above = world.folder.path() / "above";
  std::filesystem::create_directories(above / "team");
  std::filesystem::rename(data, above / "team/app");
  world.verbs.data = above / "team/app";
  world.to = above;
  CHECK(world.give() == 1);
  CHECK_FALSE(std::filesystem::exists(world.verbs.data / "index.json"));
}

TEST_CASE("an export ends with 1 if it left a tag out, and its last line says how many") {
  VerbWorld world;
  {
    world.store.reset();
    const Printed printed;
    CHECK(world.give() == 0);
    CHECK(printed.last_line() ==
          "exported: 1 tags of 1 repositories, 0 referrers; left out: 0 tags that are not whole");
  }
  REQUIRE(world.open());
  std::filesystem::resize_file(world.store->parts().files.path_of(digest_of(world.layer)), 1);
  world.store.reset();
  const Printed printed;
  CHECK(world.give() == 1);
  CHECK(printed.last_line().ends_with("left out: 1 tags that are not whole"));
}

TEST_CASE("an import ends with 1 if it left something out or took nothing, and its last line says how many") {
  VerbWorld world;
  world.store.reset();
  {
    const Printed printed;
    REQUIRE(world.give() == 0);
  }
  world.verbs.data = world.folder.path() / "fresh";
  const auto take = [&](const std::string& tag, int status, const std::string& last) {
    const Printed printed;
    const std::string repository = world.app.repository;
    if (tag.empty()) {
      CHECK(run(world.verbs, {"import", "--layout", world.layout, "--route", "private", "--repository",
                              repository, "--init", "--yes"}) == status);
    } else {
      CHECK(run(world.verbs, {"import", "--layout", world.layout, "--route", "private", "--repository",
                              repository, "--tag", tag, "--init", "--yes"}) == status);
    }
    CHECK(printed.last_line() == last);
    return printed.text();
  };
  const auto entry =
      text_of(std::string(breakwater::routes::kOciManifest), digest_of(world.image), world.image.size());
  take("", 0, "left out: nothing; damaged: nothing");
  take("", 0, "left out: nothing; damaged: nothing");  // it is here
  world.verbs.data = world.folder.path() / "fresh-2";
  world.write_index(entry);
  take("", 1, "nothing was taken over; left out: 1; damaged: nothing");
  CHECK(take("new", 0, "left out: nothing; damaged: nothing").find("named: team/app:new: ") !=
        std::string::npos);
  world.verbs.data = world.folder.path() / "fresh-3";
  world.write_index("");
  take("", 1, "nothing was taken over; left out: nothing; damaged: nothing");
  std::filesystem::resize_file(world.layout / "index.json", 20);
  take("", 1, "nothing was taken over; left out: 1; damaged: 1 unreadable");
  world.write_index(R"({"digest":"sha256:\u001b[31m"},)" + entry);
  const auto text = take("new", 1, "left out: 1; damaged: 1 unreadable");
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(run(world.verbs, {"import", "--layout", world.layout, "--route", "private", "--tag", "no tag"}) == 2);
}

TEST_CASE(
    "what an index needs as a manifest and the repository has as a blob only is broken, and so is a wrong "
    "size") {
  VerbWorld world;
  const auto verify_all = [&] {
    world.store.reset();
    const auto disk = breakwater::store::make_posix_disk();
    std::string said;
    breakwater::routes::Progress progress;
    const auto verified =
        verify(world.verbs, *disk, {[&](const std::string& line) { said += line + "\n"; }, &progress});
    REQUIRE(verified);
    CHECK((verified->broken == 0) == (said.find("broken: ") == std::string::npos));
    CHECK(verified->findings.size() == verified->broken);
    CHECK(progress.bytes_total > 0);
    CHECK(progress.bytes > 0);
    return said + verified->words();
  };
  CHECK(verify_all().find("broken: ") == std::string::npos);
  REQUIRE(world.open());
  const std::string alone = world.image + " ",
                    alone_index = R"({"manifests":[)" +
                                  text_of(std::string(breakwater::routes::kOciManifest), digest_of(alone),
                                          alone.size()) +
                                  "]}";
  world.upload(alone);
  world.put(alone_index, breakwater::routes::kOciIndex, {"multi"});
  auto said = verify_all();
  CHECK(said.find("broken: " + digest_of(alone_index).text() + " of private/team/app needs " +
                  digest_of(alone).text() + " as a manifest") != std::string::npos);
  CHECK(said.find("breaks private/team/app:multi") != std::string::npos);
  CHECK(said.ends_with(": 1 broken\n"));
  REQUIRE(world.open());
  std::string wrong = world.image;
  wrong.replace(wrong.rfind(R"("size":5)"), 8, R"("size":6)");
  world.put(wrong, breakwater::routes::kOciManifest, {"wrong"});
  said = verify_all();
  CHECK(said.find("gives " + digest_of(world.layer).text() + " a size of 6 bytes, and that has 5") !=
        std::string::npos);
  CHECK(said.ends_with(": 2 broken\n"));
}

TEST_CASE("a tag for a layout is for a layout only") {
  const auto options = std::get<Options>(parsed({"import", "--layout", "/a", "--route", "r", "--tag", "1"}));
  CHECK(options.arguments.word("tag") == "1");
  CHECK(std::get<Exit>(parsed({"import", "--from", "/a", "--route", "r", "--tag", "1"})).code == 2);
  CHECK(std::get<Exit>(parsed({"import", "--layout", "/a", "--route", "r", "--tag", ""})).code == 2);
}

TEST_CASE("what images come from and go to is understood") {
  const auto import = std::get<Options>(parsed({"import", "--from", "/old", "--route", "private", "--init"}));
  CHECK(import.operation->verb == "import");
  CHECK(import.arguments.word("from") == "/old");
  CHECK(import.init);
  const auto layout = std::get<Options>(
      parsed({"import", "--layout", "/images", "--route", "private", "--repository", "team/app"}));
  CHECK(layout.arguments.word("layout") == "/images");
  CHECK(layout.arguments.word("repository") == "team/app");
  const auto give = std::get<Options>(
      parsed({"export", "--to", "/images", "--route", "private", "--data", "there", "--dry-run"}));
  CHECK(give.operation->verb == "export");
  CHECK(give.arguments.word("to") == "/images");
  CHECK(give.arguments.flag("dry_run"));
  CHECK(give.data == "there");
  CHECK(std::get<Options>(parsed({"backup", "/copy"})).arguments.word("to") == "/copy");
}

TEST_CASE("what an import or a backup needs cannot be left out") {
  for (const auto& arguments : std::initializer_list<std::initializer_list<const char*>>{
           {"import", "--from", "/old"},
           {"import", "--route", "private"},
           {"import", "--from", "/a", "--layout", "/b", "--route", "private"},
           {"export", "--route", "private"},
           {"backup"}}) {
    CHECK(std::get<Exit>(parsed(arguments)).code == 2);
  }
}

TEST_CASE("an empty path is a mistake") {
  for (const auto& arguments : std::initializer_list<std::initializer_list<const char*>>{
           {"backup", ""},
           {"export", "--to", "", "--route", "private"},
           {"import", "--from", "", "--route", "private"},
           {"import", "--layout", "", "--route", "private"},
           {"serve", "--data", ""},
           {"serve", "--config", ""}}) {
    const auto exit = std::get<Exit>(parsed(arguments));
    CHECK(exit.code == 2);
    CHECK(exit.text.find("is empty") != std::string::npos);
  }
}

TEST_CASE("nothing is exported from a folder that is none, nor imported into it, and none is made unasked") {
  const breakwater::test::Folder folder;
  auto config = default_config();
  const auto empty = folder.path() / "empty", other = folder.path() / "other";
  std::filesystem::create_directories(empty);
  std::filesystem::create_directories(other / "music");
  for (const auto& data : {folder.path() / "typo", empty, other}) {
    CAPTURE(data);
    config.data = data;
    const Printed printed;
    CHECK(run(config, {"export", "--to", folder.path() / "out", "--route", "private", "--yes"}) == 2);
    CHECK(run(config, {"import", "--from", folder.path(), "--route", "private", "--yes"}) == 2);
  }
  CHECK_FALSE(std::filesystem::exists(folder.path() / "typo"));
  CHECK(std::filesystem::is_empty(empty));
  CHECK_FALSE(std::filesystem::exists(other / "format"));
}

TEST_CASE("a dry run of an import or an export writes nothing and says what it would") {
  VerbWorld world;
  world.store.reset();
  const auto said = [&](std::initializer_list<std::string> arguments) {
    const Printed printed;
    CHECK(run(world.verbs, arguments) == 0);
    return nlohmann::json::parse(printed.text());
  };
  auto plan = said({"export", "--to", world.to, "--route", "private", "--dry-run", "--json"});
  CHECK(plan["tags"] == 1);
  CHECK(plan["bytes"] == world.layer.size() + world.config.size() + world.image.size());
  CHECK_FALSE(std::filesystem::exists(world.to));
  const auto given = said({"export", "--to", world.to, "--route", "private", "--json", "--yes"});
  CHECK(given["bytes"] == plan["bytes"]);
  world.verbs.data = world.folder.path() / "fresh";
  plan = said({"import", "--layout", world.to, "--route", "private", "--init", "--dry-run", "--json"});
  CHECK(plan["tags"] == 1);
  CHECK(plan["manifests"] == 1);
  CHECK(plan["bytes"] == given["bytes"]);
  const auto taken = said({"import", "--layout", world.to, "--route", "private", "--json", "--yes"});
  for (const char* key : {"tags", "manifests", "bytes", "left_out"}) CHECK(taken[key] == plan[key]);
}

TEST_CASE("who names a data folder that is none is told so, with what to do") {
  const breakwater::test::Folder folder;
  auto config = default_config();
  config.data = folder.path() / "typo";
  config.data_from = "/etc/breakwater/breakwater.json";
  const auto there = check_folder(config);
  REQUIRE_FALSE(there);
  CHECK(there.error().message ==
        "the data folder " + config.data.string() +
            " (/etc/breakwater/breakwater.json) is not there, and is not made unasked: name the one that is "
            "served, by --data DIR or --config FILE");
}

TEST_CASE("a data folder is made by --init, in an empty place alone") {
  const breakwater::test::Folder folder;
  auto config = default_config();
  config.data = folder.path() / "new";
  CHECK(check_place(config));
  std::filesystem::create_directories(config.data / "lost+found");
  CHECK(check_place(config));
  std::filesystem::create_directories(config.data / "music");
  CHECK(check_place(config).error().kind == breakwater::Error::Kind::conflict);
  config.data = folder.path() / "none/new";
  CHECK(check_place(config).error().message.find("make that one first") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "none"));
}
