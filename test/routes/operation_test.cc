#include "routes/ops/operation.h"

#include <set>

#include "routes/ops/operations.h"
#include "test/catch.h"

namespace breakwater::routes {
namespace {

constexpr Parameter kParameters[] = {
    {.name = "image", .shape = "IMAGE", .help = "which", .kind = Parameter::Kind::words, .is_required = true},
    {.name = "since", .shape = "TIME", .help = "how far back"},
    {.name = "all", .help = "all of it", .kind = Parameter::Kind::flag},
};

std::string wrong(const Operation& operation, const std::vector<std::pair<std::string, std::string>>& given) {
  Arguments arguments;
  for (const auto& [name, value] : given) arguments.add(name, value);
  const auto checked = check(arguments, operation);
  return checked ? "" : checked.error().message;
}

TEST_CASE("what is given to an operation is checked by its table") {
  Operation ask{.verb = "x", .path = "x", .summary = "", .parameters = kParameters};
  Operation act = ask;
  act.effect = Operation::Effect::act;
  CHECK(wrong(ask, {{"image", "a"}, {"image", "b"}, {"all", "true"}}).empty());
  CHECK(wrong(ask, {{"since", "7d"}}) == "\"image\" is empty or missing: which");
  CHECK(wrong(ask, {{"image", "a"}, {"since", "1d"}, {"since", "2d"}}) ==
        "\"since\" is given more than once");
  CHECK(wrong(ask, {{"image", "a"}, {"all", "perhaps"}}) == "\"all\" is true or false");
  CHECK(wrong(ask, {{"image", "a"}, {"imag", "b"}}) ==
        "unknown parameter \"imag\"; it takes image, since, all");
  CHECK(wrong(ask, {{"image", "a"}, {"dry_run", "true"}}) ==
        "unknown parameter \"dry_run\"; it takes image, since, all");
  CHECK(wrong(act, {{"image", "a"}, {"dry_run", "true"}}).empty());
  CHECK(wrong(act, {{"image", "a"}, {"dry_run", "yes"}}) == "\"dry_run\" is true or false");
}

TEST_CASE("each operation has a verb and a path of its own, one function, and words") {
  std::set<std::string_view> verbs;
  std::set<std::pair<std::string_view, std::string_view>> paths;
  for (const auto& operation : operations()) {
    CAPTURE(operation.verb);
    CHECK(verbs.insert(operation.verb).second);
    CHECK(paths.emplace(operation.method(), operation.path).second);
    CHECK((operation.of_directory != nullptr) + (operation.of_store != nullptr) +
              (operation.of_server != nullptr) ==
          (operation.verb == "saved" ? 2 : 1));
    CHECK(operation.words != nullptr);
    CHECK_FALSE(operation.summary.ends_with('.'));
    CHECK(operation_of(operation.verb) == &operation);
    CHECK(operation_at(operation.path, operation.method()) == &operation);
    for (const auto& parameter : operation.parameters) {
      CHECK_FALSE(parameter.help.empty());
      CHECK(parameter.shape.empty() == (parameter.kind == Parameter::Kind::flag));
    }
  }
}

}  // namespace
}  // namespace breakwater::routes
