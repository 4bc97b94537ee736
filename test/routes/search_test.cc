// `search`: what is found, in which order, and in how many pages.
#include "routes/ops/search.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::routes {
namespace {

using Names = std::vector<std::string>;
using nlohmann::ordered_json;
using test::digest_of;

std::string name_of(const ordered_json& row) {
  const auto text = [&row](const char* field) { return row.at(field).get<std::string>(); };
  return text("route") + "/" + text("repository") + (row.contains("tag") ? ":" + text("tag") : "");
}

struct SearchedWorld : test::PushedWorld {
  // All pages of an answer, and how many names the largest of them has looked at.
  Names all(const std::string& words, size_t limit, size_t names_max, size_t& looked_at) {
    Names names;
    SearchQuestion question{words, limit, "", names_max};
    for (;;) {
      const auto answer = search(*store, question);
      REQUIRE(answer);
      CHECK(answer->at("rows").size() <= limit);
      looked_at = std::max(looked_at, answer->at("looked_at").get<size_t>());
      for (const auto& row : answer->at("rows")) names.push_back(name_of(row));
      if (!answer->contains("next")) return names;
      question.after = answer->at("next").get<std::string>();
    }
  }
  Names all(const std::string& words, size_t limit = 100) {
    size_t looked_at = 0;
    return all(words, limit, SearchQuestion::kNamesMax, looked_at);
  }
  void add(const store::RepositoryKey& repository, const std::vector<std::string>& tags) {
    const std::string text = repository.route + repository.repository;
    for (const auto& tag : tags) {
      REQUIRE(store->manifests().put(repository, digest_of(text), text, content_of(text, {}), tag,
                                     store::Durability::buffered));
    }
  }
};

}  // namespace

TEST_CASE("what is found has every word, whatever its case, and the nearest comes first") {
  SearchedWorld world;
  world.add({"dockerhub", "library/alpine"}, {"3.20", "edge"});
  world.add({"dockerhub", "team/alpine-base"}, {"1"});
  world.add({"quay", "myalpine"}, {"1"});
  world.add({"quay", "app"}, {"alpine", "1-alpine", "alpine-2"});
  CHECK(world.all("ALPine") == Names{"dockerhub/library/alpine", "quay/app:alpine",      // whole
                                     "dockerhub/team/alpine-base", "quay/app:alpine-2",  // begins
                                     "quay/app:1-alpine", "quay/myalpine",               // has
                                     "dockerhub/library/alpine:3.20",
                                     "dockerhub/library/alpine:edge",                      // by its
                                     "dockerhub/team/alpine-base:1", "quay/myalpine:1"});  // repository alone
  CHECK(world.all("  3.2  alpine ") == Names{"dockerhub/library/alpine:3.20"});
  CHECK(world.all("library/alpine:3.20") == Names{"dockerhub/library/alpine:3.20"});
  CHECK(world.all("dockerhub/library") ==
        Names{"dockerhub/library/alpine", "dockerhub/library/alpine:3.20", "dockerhub/library/alpine:edge"});
  CHECK(world.all("nothing").empty());
  const auto answer = search(*world.store, {"3.20"});
  REQUIRE(answer);
  CHECK(answer->at("rows").at(0).at("digest") == digest_of("dockerhublibrary/alpine").text());
  CHECK(answer->at("rows").at(0).at("set_at").get<std::string>().starts_with("20"));
}

TEST_CASE("the pages of a search have each row once and in one order, whatever their size") {
  SearchedWorld world;
  const std::vector<std::string> tags = {"a", "app", "b", "c-app", "d"};
  for (const char* name : {"app", "team/app", "team/application", "x/my-app"})
    world.add({"private", name}, tags);
  world.add({"any", "host:5000/app"}, {"1"});
  const auto whole = world.all("app");
  CHECK(whole.size() == 5 + 4 * 5 + 1);
  CHECK(std::set<std::string>(whole.begin(), whole.end()).size() == whole.size());
  for (const size_t limit : {1, 2, 3, 7}) CHECK(world.all("app", limit) == whole);
}

TEST_CASE("an answer looks at so many names, and the next goes on behind them") {
  SearchedWorld world;
  std::vector<std::string> tags;
  for (int i = 0; i < 40; ++i) tags.push_back("t" + std::to_string(100 + i));
  for (const char* name : {"one", "two", "three"}) world.add({"private", name}, tags);
  auto whole = world.all("t1");
  CHECK(whole.size() == 120);
  std::sort(whole.begin(), whole.end());
  for (const size_t names_max : {1, 7, 41, 50, 123}) {
    size_t looked_at = 0;
    auto names = world.all("t1", 5, names_max, looked_at);
    CHECK(looked_at <= names_max);
    std::sort(names.begin(), names.end());
    CHECK(names == whole);
  }
}

TEST_CASE("a search without words, with too many, or behind what no answer said is a mistake") {
  SearchedWorld world;
  world.add({"private", "app"}, {"1"});
  for (const auto& question :
       {SearchQuestion{" "}, SearchQuestion{"a b c d e f g h i"}, SearchQuestion{std::string(600, 'a')},
        SearchQuestion{"a", 5, "x"}, SearchQuestion{"a", 5, "0,app,"}, SearchQuestion{"a", 5, "x,,"},
        SearchQuestion{"a", 5, "0,/a,"}}) {
    const auto answer = search(*world.store, question);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind == Error::Kind::invalid);
  }
}

}  // namespace breakwater::routes
