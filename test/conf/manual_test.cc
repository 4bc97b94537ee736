#include "conf/manual.h"

#include "test/catch.h"

namespace breakwater::conf {
namespace {

const std::vector<VerbHelp> kVerbs = {
    {"fetch",
     "Fetch it's images",
     {{"image", "IMAGE", "which", true},
      {"--dry-run", "", "Only tell: [nothing] else"},
      {"--to", "DIR", "where"}}},
    {"status", "Say how it is", {}},
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("the manual has every verb with every option, escaped for roff") {
  const auto page = manual_page(kVerbs, "1.2");
  CHECK(has(page, ".TH BREAKWATER 1 \"\" \"breakwater 1.2\""));
  CHECK(has(page, ".SS \\fBbreakwater fetch\\fR [\\fIIMAGE\\fR]\nFetch it's images.\n"));
  CHECK(has(page, ".TP\n\\fB\\-\\-dry\\-run\\fR\nOnly tell: [nothing] else\n"));
  CHECK(has(page, ".TP\n\\fB\\-\\-to\\fR \\fIDIR\\fR\nwhere\n"));
  CHECK(has(page, "breakwater status"));
}

TEST_CASE("each shell completes every verb and its options, quoted as the shell wants it") {
  const auto bash = completion(kVerbs, "bash");
  REQUIRE(bash);
  CHECK(has(*bash, "compgen -W 'fetch status'"));
  CHECK(has(*bash, "fetch) options='--dry-run --to' ;;"));
  const auto zsh = completion(kVerbs, "zsh");
  REQUIRE(zsh);
  CHECK(has(*zsh, "'fetch:Fetch it'\\''s images'"));
  CHECK(has(*zsh, "'--dry-run[Only tell\\: \\[nothing\\] else]'"));
  CHECK(has(*zsh, "'--to[where]:DIR:_files'"));
  const auto fish = completion(kVerbs, "fish");
  REQUIRE(fish);
  CHECK(has(*fish, "-a fetch -d 'Fetch it'\\''s images'"));
  CHECK(has(*fish, "-n '__fish_seen_subcommand_from fetch' -l to -r -F -d 'where'"));
  CHECK_FALSE(completion(kVerbs, "csh"));
}

TEST_CASE("verbs of two words are completed word by word") {
  const std::vector<VerbHelp> verbs = {
      {"status", "Say how it is", {}},
      {"token list", "List them", {{"--json", "", "as JSON"}}},
      {"token create", "Make one", {{"name", "NAME", "which", true}, {"--may", "ACTIONS", "what"}}}};
  const auto bash = *completion(verbs, "bash"), zsh = *completion(verbs, "zsh"),
             fish = *completion(verbs, "fish");
  CHECK(has(bash, "compgen -W 'status token'"));
  CHECK(has(bash, "    status) options='' ;;\n"));
  CHECK(has(bash, "2-*) options='list create' ;;"));
  CHECK(has(bash, "*-create) options='--may' ;;"));
  CHECK(has(zsh, "'token:list create'"));
  CHECK(has(zsh, "_values verb list create"));
  CHECK(has(zsh, "    list) _arguments"));
  CHECK(has(fish, "-n __fish_use_subcommand -a token -d 'list create'"));
  CHECK(
      has(fish,
          "'__fish_seen_subcommand_from token; and not __fish_seen_subcommand_from list create' -a create"));
  CHECK(has(fish, "'__fish_seen_subcommand_from token; and __fish_seen_subcommand_from create' -l may -x"));
  CHECK(has(manual_page(verbs, "1"), ".SS \\fBbreakwater token create\\fR [\\fINAME\\fR]"));
}

}  // namespace
}  // namespace breakwater::conf
