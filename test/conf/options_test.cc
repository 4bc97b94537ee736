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

TEST_CASE("each operation is a verb, with its parameters") {
  const auto asked = options_of({"forget-route", "old", "--data", "there"});
  CHECK(asked.verb == Verb::operation);
  CHECK(asked.operation->verb == "forget-route");
  CHECK(asked.arguments.word("route") == "old");
  CHECK_FALSE(asked.yes);
  CHECK_FALSE(asked.arguments.flag("dry_run"));
  CHECK(options_of({"forget-route", "old", "--yes"}).yes);
  CHECK(options_of({"forget-route", "--dry-run", "old"}).arguments.flag("dry_run"));
  CHECK(options_of({"status", "--json"}).json);
  const auto fetch = options_of({"fetch", "a:1", "b:2", "--platform", "linux/amd64", "--from-cluster"});
  CHECK(fetch.arguments.words("image") == std::vector<std::string>{"a:1", "b:2"});
  CHECK(fetch.arguments.word("platform") == "linux/amd64");
  CHECK(fetch.arguments.flag("from_cluster"));
  CHECK(exit_of({"forget-route"}).code == 2);
  CHECK(exit_of({"forget-route", ""}).code == 2);
  CHECK(exit_of({"status", "--dry-run"}).code == 2);
}

TEST_CASE("a verb of two words is understood, and has its help") {
  const auto asked = options_of({"token", "create", "ci", "--may", "pull,push", "--data", "there", "--yes"});
  CHECK(asked.operation->verb == "token create");
  CHECK(asked.arguments.word("name") == "ci");
  CHECK(asked.arguments.word("may") == "pull,push");
  CHECK(asked.data == "there");
  CHECK(asked.yes);
  CHECK(options_of({"token", "list", "--json"}).operation->verb == "token list");
  CHECK(exit_of({"token"}).code == 2);
  CHECK(exit_of({"token", "burn", "ci"}).code == 2);
  CHECK(exit_of({"token", "create"}).code == 2);
  CHECK(exit_of({"create", "ci"}).code == 2);
  CHECK(exit_of({"help"}).text.find("token ") != std::string::npos);
  CHECK(exit_of({"help", "token"}).text.find("revoke") != std::string::npos);
  const auto help = exit_of({"help", "token", "create"});
  CHECK(help.code == 0);
  CHECK(help.text.find("--expires TIME") != std::string::npos);
  CHECK(exit_of({"manual"}).text.find(".SS \\fBbreakwater token create\\fR [\\fINAME\\fR]") !=
        std::string::npos);
}

TEST_CASE("an unknown verb is told the nearest one") {
  CHECK(exit_of({"statsu"}).text.find("did you mean \"breakwater status\"?") != std::string::npos);
  CHECK(exit_of({"help", "chekc-config"}).text.find("\"breakwater check-config\"?") != std::string::npos);
  CHECK(exit_of({"abracadabra"}).text.find("did you mean") == std::string::npos);
}

TEST_CASE("help is given of all, and of each verb") {
  CHECK(exit_of({"help"}).code == 0);
  const auto fetch = exit_of({"help", "fetch"});
  CHECK(fetch.code == 0);
  CHECK(fetch.text.find("--platform OS/ARCH") != std::string::npos);
  CHECK(exit_of({"--version"}).text == "breakwater " + version() + "\n");
}

TEST_CASE("what is not understood ends with 2 and says why") {
  CHECK(exit_of({}).code == 2);
  CHECK(exit_of({"swim"}).code == 2);
  CHECK(exit_of({"serve", "--colour", "blue"}).code == 2);
  CHECK(exit_of({"serve", "--config"}).code == 2);
  CHECK(exit_of({"version", "--config", "a.json"}).code == 2);
  CHECK(exit_of({"serve", "--colour"}).text.find("--colour") != std::string::npos);
}

TEST_CASE("every verb is in the manual and in what shells complete, and what answers does so as JSON too") {
  const auto manual = exit_of({"manual"}).text, bash = exit_of({"completion", "bash"}).text;
  for (const char* verb : {"serve", "doctor", "verify", "import", "export", "backup", "version"}) {
    CAPTURE(verb);
    CHECK(manual.find(std::string(".SS \\fBbreakwater ") + verb + "\\fR") != std::string::npos);
    CHECK(bash.find(std::string("    ") + verb + ") options=") != std::string::npos);
  }
  for (const char* verb : {"check-config", "doctor", "verify", "import", "export", "backup"}) {
    CAPTURE(verb);
    CHECK(exit_of({"help", verb}).text.find("--json") != std::string::npos);
  }
  const auto import = exit_of({"help", "import"}).text;
  for (const char* option : {"--from DIR", "--layout DIR", "--route NAME", "--repository PATTERN",
                             "--tag TAG", "--init", "--dry-run", "--yes"})
    CHECK(import.find(option) != std::string::npos);
}

TEST_CASE("asking for help is no mistake") {
  const auto help = exit_of({"--help"});
  CHECK(help.code == 0);
  for (const char* verb : {"serve", "check-config", "version"})
    CHECK(help.text.find(verb) != std::string::npos);
}
