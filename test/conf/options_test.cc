#include "conf/options.h"

#include <initializer_list>
#include <vector>

#include "test/catch.h"

using namespace breakwater::conf;

namespace {

std::variant<Options, Exit> parsed(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"breakwater"};
  argv.insert(argv.end(), arguments);
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

Options options_of(std::initializer_list<const char*> arguments) {
  auto result = parsed(arguments);
  REQUIRE(std::holds_alternative<Options>(result));
  return std::get<Options>(result);
}

Exit exit_of(std::initializer_list<const char*> arguments) {
  auto result = parsed(arguments);
  REQUIRE(std::holds_alternative<Exit>(result));
  return std::get<Exit>(result);
}

}  // namespace

TEST_CASE("each verb is understood, with its files") {
  const auto serve = options_of({"serve", "--config", "a.json", "--data", "there"});
  CHECK(serve.verb == Verb::serve);
  CHECK(serve.config == "a.json");
  CHECK(serve.data == "there");
  CHECK(options_of({"serve"}).config == std::nullopt);
  CHECK(options_of({"check-config", "--config=a.json"}).verb == Verb::check_config);
  CHECK(options_of({"verify", "--data", "there"}).verb == Verb::verify);
  CHECK(options_of({"version"}).verb == Verb::version);
}

TEST_CASE("a route is forgotten by its name, with or without a question") {
  const auto asked = options_of({"forget-route", "old", "--data", "there"});
  CHECK(asked.verb == Verb::forget_route);
  CHECK(asked.route == "old");
  CHECK_FALSE(asked.yes);
  CHECK_FALSE(asked.dry_run);
  CHECK(options_of({"forget-route", "old", "--yes"}).yes);
  CHECK(options_of({"forget-route", "--dry-run", "old"}).dry_run);
  CHECK(exit_of({"forget-route"}).code == 2);
  CHECK(exit_of({"forget-route", ""}).code == 2);
}

TEST_CASE("what is not understood ends with 2 and says why") {
  CHECK(exit_of({}).code == 2);
  CHECK(exit_of({"swim"}).code == 2);
  CHECK(exit_of({"serve", "--colour", "blue"}).code == 2);
  CHECK(exit_of({"serve", "--config"}).code == 2);
  CHECK(exit_of({"version", "--config", "a.json"}).code == 2);
  CHECK(exit_of({"serve", "--colour"}).text.find("--colour") != std::string::npos);
}

TEST_CASE("asking for help is no mistake") {
  const auto help = exit_of({"--help"});
  CHECK(help.code == 0);
  for (const char* verb : {"serve", "check-config", "version"})
    CHECK(help.text.find(verb) != std::string::npos);
}
