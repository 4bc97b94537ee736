#include "conf/transfer.h"

#include <initializer_list>
#include <vector>

#include "conf/options.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

using namespace breakwater::conf;

namespace {

std::variant<Options, Exit> parsed(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"breakwater"};
  argv.insert(argv.end(), arguments);
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

}  // namespace

TEST_CASE("what images come from and go to is understood") {
  const auto import = std::get<Options>(parsed({"import", "--from", "/old", "--route", "private"}));
  CHECK(import.verb == Verb::import_images);
  CHECK(import.from == "/old");
  CHECK_FALSE(import.layout);
  CHECK(import.repository == "*");
  const auto layout = std::get<Options>(
      parsed({"import", "--layout", "/images", "--route", "private", "--repository", "team/app"}));
  CHECK(layout.layout == "/images");
  CHECK(layout.repository == "team/app");
  const auto give =
      std::get<Options>(parsed({"export", "--to", "/images", "--route", "private", "--data", "there"}));
  CHECK(give.verb == Verb::export_images);
  CHECK(give.to == "/images");
  CHECK(give.data == "there");
  CHECK(std::get<Options>(parsed({"backup", "/copy"})).to == "/copy");
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
    CHECK(exit.text.find("it is empty") != std::string::npos);
  }
}

TEST_CASE("nothing is exported from a folder that is none, and none is made") {
  const breakwater::test::Folder folder;
  auto config = default_config();
  config.data = folder.path() / "typo";
  Options options;
  options.route = config.routes.at(0).name;
  options.to = folder.path() / "out";
  CHECK(export_images(config, options) == 1);
  CHECK_FALSE(std::filesystem::exists(config.data));
}
