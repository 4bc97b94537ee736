#include "proxy/http/http.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

TEST_CASE("header names compare without case, and the first value is the value") {
  Headers headers;
  headers.add("Accept", "a/b");
  headers.add("X-One", "1");
  headers.add("accept", "c/d");
  CHECK(headers.get("ACCEPT") == "a/b");
  CHECK(headers.all("accept") == "a/b, c/d");
  CHECK(headers.find("absent") == nullptr);
  CHECK(headers.get("absent").empty());
  CHECK(headers.all("absent").empty());
}

TEST_CASE("setting a header replaces all of that name, in the place of the first") {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");
  headers.set("A", "4");
  REQUIRE(headers.size() == 2);
  CHECK(headers.begin()->value == "4");
  headers.set("C", "5");
  CHECK(headers.get("c") == "5");
  headers.remove("b");
  CHECK(headers.size() == 2);
}

TEST_CASE("dates are read in all three forms of HTTP") {
  struct Row {
    const char* text;
    std::optional<int64_t> epoch_s;
  };
  auto row = GENERATE(
      Row{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, Row{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
      Row{"Sun Nov  6 08:49:37 1994", 784111777}, Row{"Sat Nov 26 08:49:37 1994", 785839777},
      Row{"Thu, 01 Jan 1970 00:00:00 GMT", 0}, Row{"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
      Row{"Thu, 29 Feb 2023 23:59:59 GMT", std::nullopt}, Row{"", std::nullopt},
      Row{"Sun, 06 Nov 1994 08:49:37", std::nullopt}, Row{"Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
      Row{"Sun, 06 Nov 1994 24:49:37 GMT", std::nullopt}, Row{"Sun, -6 Nov 1994 08:49:37 GMT", std::nullopt},
      Row{"1784111777", std::nullopt}, Row{"Sun, 06 Nov 1994 08:49:37 GMT ", std::nullopt});
  INFO(row.text);
  CHECK(parse_http_date(row.text) == row.epoch_s);
}

TEST_CASE("a date that was written is read as the same moment") {
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  for (int64_t epoch_s : {int64_t{0}, int64_t{951782400}, int64_t{4102444799}})
    CHECK(parse_http_date(http_date(epoch_s)) == epoch_s);
}

TEST_CASE("percent-encoding is undone, and what is malformed is refused") {
  CHECK(percent_decode("a%2Fb%20c+d", Plus::keep) == "a/b c+d");
  CHECK(percent_decode("a+b", Plus::space) == "a b");
  CHECK(percent_decode("%41", Plus::keep) == "A");
  for (const char* bad : {"%", "%4", "%4g", "abc%", "%%41"})
    CHECK_FALSE(percent_decode(bad, Plus::keep).has_value());
  CHECK(percent_encode("a/b c~\xff") == "a%2Fb%20c~%FF");
}

TEST_CASE("a status that is registered has its reason, another has none") {
  CHECK(reason_of(416) == "Range Not Satisfiable");
  CHECK(reason_of(299).empty());
}

}  // namespace
}  // namespace breakwater::proxy
