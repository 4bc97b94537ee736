#include "routes/oci/link_header.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

TEST_CASE("upstream's next page is found under our own path") {
  struct Row {
    std::string upstream, ns, expected;
  };
  const std::string path = "/v2/library/alpine/tags/list";
  const auto row = GENERATE(values<Row>({
      {R"(</v2/library/alpine/tags/list?last=b&n=2>; rel="next")", "",
       R"(</v2/library/alpine/tags/list?last=b&n=2>; rel="next")"},
      {R"(<https://registry-1.docker.io/v2/library/alpine/tags/list?n=2&last=b>; rel="next")", "",
       R"(</v2/library/alpine/tags/list?n=2&last=b>; rel="next")"},
      {R"(</v2/x/tags/list?next_page=gA%3D%3D>; rel="next")", "quay.io",
       R"(</v2/library/alpine/tags/list?next_page=gA%3D%3D&ns=quay.io>; rel="next")"},
      {R"(</a?p=0>; rel="prev", </a?p=2>; rel="next")", "",
       R"(</v2/library/alpine/tags/list?p=2>; rel="next")"},
      {R"(</a?p=2>; rel=next)", "", R"(</v2/library/alpine/tags/list?p=2>; rel="next")"},
      {R"(</a?p=2>;REL='next')", "", R"(</v2/library/alpine/tags/list?p=2>; rel="next")"},
      {R"(</a?p=2>; title="x"; Rel = "last Next")", "", R"(</v2/library/alpine/tags/list?p=2>; rel="next")"},
      {R"(</a?p=2>; title="a, b"; rel="next")", "", R"(</v2/library/alpine/tags/list?p=2>; rel="next")"},
      {R"(</a?p=2>; rel="nextish"; x="rel=next")", "", ""},
      {R"(</a?p=0>; rel="prev")", "", ""},
      {R"(</a>; rel="next")", "", ""},
      {R"(</a?>; rel="next")", "", ""},
      {"</a?x=\r\ny>; rel=\"next\"", "", ""},
      {R"(</a?p=2; rel="next")", "", ""},
      {"", "", ""},
  }));
  CAPTURE(row.upstream);
  CHECK(relative_link(row.upstream, path, row.ns) == row.expected);
}

TEST_CASE("a next page that cannot be asked for is not taken for the end of the list") {
  for (const std::string link :
       {R"(</a/page/2>; rel="next")", R"(</a?>; rel="next")", R"(</a?x=a b>; rel=next)",
        R"(</a?p=2; rel="next")", "</a?x=\xc3\xa4>; rel=next"}) {
    INFO(link);
    CHECK_FALSE(next_page_query(link));
  }
  CHECK(next_page_query(R"(</a?p=0>; rel="prev")") == "");
  CHECK(next_page_query("") == "");
}

}  // namespace
}  // namespace breakwater::routes
