#include "routes/oci/range.h"

#include <string>
#include <vector>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Kind = RequestedRange::Kind;
constexpr std::string_view kTag = "\"sha256:abc\"";

TEST_CASE("a Range header selects the bytes that RFC 9110 says") {
  struct Row {
    std::string header;
    Kind kind;
    std::vector<ByteRange> ranges;
  };
  const auto row = GENERATE(values<Row>({
      {"bytes=0-99", Kind::single, {{0, 100}}},
      {"bytes=0-", Kind::single, {{0, 1000}}},
      {"bytes=999-", Kind::single, {{999, 1}}},
      {"bytes=10-5000", Kind::single, {{10, 990}}},
      {"bytes=-10", Kind::single, {{990, 10}}},
      {"bytes=-5000", Kind::single, {{0, 1000}}},
      {"Bytes = 5-5 ", Kind::single, {{5, 1}}},
      {"bytes=0-18446744073709551616", Kind::single, {{0, 1000}}},
      {"bytes=0-9,20-29", Kind::several, {{0, 10}, {20, 10}}},
      {"bytes= 20-29 , , 0-9", Kind::several, {{20, 10}, {0, 10}}},
      {"bytes=0-9,10-19", Kind::several, {{0, 10}, {10, 10}}},
      {"bytes=0-9,5-19", Kind::single, {{0, 20}}},
      {"bytes=500-509,0-9,5-19", Kind::several, {{0, 20}, {500, 10}}},
      {"bytes=0-9,2000-", Kind::single, {{0, 10}}},
      {"bytes=-1,0-0", Kind::several, {{999, 1}, {0, 1}}},
      {"bytes=0-,0-,0-,0-", Kind::single, {{0, 1000}}},
      {"bytes=1000-", Kind::unsatisfiable, {}},
      {"bytes=-0", Kind::unsatisfiable, {}},
      {"bytes=9-5", Kind::unsatisfiable, {}},
      {"bytes=9-5,0-9", Kind::single, {{0, 10}}},
      {"bytes=2000-3000,4000-", Kind::unsatisfiable, {}},
      {"bytes=99999999999999999999-", Kind::unsatisfiable, {}},
      {"", Kind::whole, {}},
      {"bytes", Kind::whole, {}},
      {"bytes=", Kind::whole, {}},
      {"bytes=,", Kind::whole, {}},
      {"bytes=-", Kind::whole, {}},
      {"bytes=a-b", Kind::whole, {}},
      {"bytes=1-2,x", Kind::whole, {}},
      {"bytes=1 -2", Kind::whole, {}},
      {"bytes=+1-2", Kind::whole, {}},
      {"bytes=--5", Kind::whole, {}},
      {"items=0-5", Kind::whole, {}},
  }));
  CAPTURE(row.header);
  const auto asked = requested_range(row.header, "", kTag, 1000);
  CHECK(asked.kind == row.kind);
  CHECK(asked.ranges == row.ranges);
}

TEST_CASE("a Range of more parts than the limit is answered with the whole") {
  std::string header = "bytes=0-0";
  for (size_t part = 1; part < kRangesMax; ++part)
    header += "," + std::to_string(part * 2) + "-" + std::to_string(part * 2);
  CHECK(requested_range(header, "", kTag, 100'000).ranges.size() == kRangesMax);
  CHECK(requested_range(header + ",9999-9999", "", kTag, 100'000).kind == Kind::whole);
}

TEST_CASE("an empty blob is answered whole, whatever range is asked for") {
  CHECK(requested_range("bytes=0-", "", kTag, 0).kind == Kind::whole);
}

TEST_CASE("a range counts only if If-Range names the blob by its strong tag") {
  CHECK(requested_range("bytes=5-", "\"sha256:abc\"", kTag, 10).kind == Kind::single);
  CHECK(requested_range("bytes=5-", "W/\"sha256:abc\"", kTag, 10).kind == Kind::whole);
  CHECK(requested_range("bytes=5-", "\"sha256:other\"", kTag, 10).kind == Kind::whole);
  CHECK(requested_range("bytes=5-", "Sun, 06 Nov 1994 08:49:37 GMT", kTag, 10).kind == Kind::whole);
}

TEST_CASE("If-None-Match is a list, compared weakly") {
  CHECK(none_match_names("\"sha256:abc\"", kTag));
  CHECK(none_match_names("W/\"sha256:abc\"", kTag));
  CHECK(none_match_names("\"x\", \"sha256:abc\"", kTag));
  CHECK(none_match_names("*", kTag));
  CHECK_FALSE(none_match_names("", kTag));
  CHECK_FALSE(none_match_names("\"x\"", kTag));
  CHECK_FALSE(none_match_names("sha256:abc", kTag));
}

TEST_CASE("Content-Range counts from 0 to the last byte inclusive") {
  CHECK(content_range({0, 10}, 10) == "bytes 0-9/10");
  CHECK(content_range({5, 1}, 10) == "bytes 5-5/10");
  CHECK(unsatisfied_content_range(10) == "bytes */10");
}

TEST_CASE("a multipart reply is as long as it says") {
  const std::string blob = "abcdefghijklmnopqrstuvwxyz";
  const Multipart parts({{0, 3}, {23, 3}}, blob.size(), "application/octet-stream", "4f00");
  std::string body;
  for (size_t part = 0; part < parts.ranges().size(); ++part) {
    body += parts.head(part) + blob.substr(parts.ranges()[part].first, parts.ranges()[part].length);
  }
  body += parts.tail();
  CHECK(body ==
        "--4f00\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-2/26\r\n\r\nabc"
        "\r\n--4f00\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 23-25/26\r\n\r\nxyz"
        "\r\n--4f00--\r\n");
  CHECK(parts.length() == body.size());
  CHECK(parts.content_type() == "multipart/byteranges; boundary=4f00");
}

}  // namespace
}  // namespace breakwater::routes
