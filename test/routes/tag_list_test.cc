#include "routes/oci/tag_list.h"

#include <string>
#include <vector>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Strings = std::vector<std::string>;

TEST_CASE("a tag list is read as upstreams write it") {
  CHECK(*parse_tag_list(R"({"name":"a","tags":["3.19","latest"]})") == Strings{"3.19", "latest"});
  CHECK(parse_tag_list(R"({"name":"a","tags":null})")->empty());
  CHECK(parse_tag_list(R"({"name":"a","tags":[]})")->empty());
}

TEST_CASE("what is no tag list is corrupt") {
  for (const std::string text : {"", "<html>", "[]", "{}", R"({"tags":"x"})", R"({"tags":[1]})"}) {
    CAPTURE(text);
    const auto tags = parse_tag_list(text);
    REQUIRE_FALSE(tags);
    CHECK(tags.error().kind == Error::Kind::corrupt);
  }
  CHECK(parse_tag_list(std::string(1'000'000, '[')).error().kind == Error::Kind::too_large);
}

TEST_CASE("a tag list is carried with the names that upstream gives, whatever they are") {
  CHECK(*parse_tag_list(R"({"tags":["-bad","a b","ok"]})") == Strings{"-bad", "a b", "ok"});
}

TEST_CASE("a tag list is written with its name, and with an array even if it is empty") {
  CHECK(tag_list_json("library/alpine", {"a", "b"}) == R"({"name":"library/alpine","tags":["a","b"]})");
  CHECK(tag_list_json("x", {}) == R"({"name":"x","tags":[]})");
  CHECK(repository_list_json({"a", "b/c"}) == R"({"repositories":["a","b/c"]})");
}

TEST_CASE("a page begins behind last, is sorted, and says whether there is more") {
  struct Row {
    std::string last;
    std::optional<uint64_t> n;
    Strings items;
    bool more;
  };
  const auto row = GENERATE(values<Row>({
      {"", std::nullopt, {"a", "b", "c", "d"}, false},
      {"", 2, {"a", "b"}, true},
      {"b", 2, {"c", "d"}, false},
      {"bb", 1, {"c"}, true},
      {"d", 5, {}, false},
      {"", 4, {"a", "b", "c", "d"}, false},
      {"", 0, {}, false},
      {"", UINT64_MAX, {"a", "b", "c", "d"}, false},
  }));
  CAPTURE(row.last, row.n.value_or(99));
  const auto page = page_of({"d", "b", "a", "c"}, row.last, row.n);
  CHECK(page.items == row.items);
  CHECK(page.more == row.more);
}

TEST_CASE("the link to the next page is relative and keeps ns") {
  CHECK(next_page_link("/v2/a/tags/list", 2, "v1+x", "") ==
        R"(</v2/a/tags/list?n=2&last=v1%2Bx>; rel="next")");
  CHECK(next_page_link("/v2/a/tags/list", 2, "b", "docker.io") ==
        R"(</v2/a/tags/list?n=2&last=b&ns=docker.io>; rel="next")");
}

}  // namespace
}  // namespace breakwater::routes
