#include "routes/registry/chunk_range.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {

TEST_CASE("a chunk's range is two numbers, both included") {
  struct Row {
    std::string header;
    uint64_t first, last;
  };
  const auto row = GENERATE(values<Row>({
      {"0-0", 0, 0},
      {"0-99", 0, 99},
      {"100-199", 100, 199},
      {"007-08", 7, 8},
      {"bytes 0-99/*", 0, 99},
      {"bytes 100-199/200", 100, 199},
      {"bytes 0-99", 0, 99},
      {"1000000000000-1000000000000", 1'000'000'000'000, 1'000'000'000'000},
  }));
  CAPTURE(row.header);
  const auto chunk = parse_chunk_range(row.header);
  REQUIRE(chunk);
  CHECK(chunk->first == row.first);
  CHECK(chunk->last == row.last);
  CHECK(chunk->length() == row.last - row.first + 1);
}

TEST_CASE("what is no chunk's range is invalid, and the answer quotes it") {
  const std::string header = GENERATE(values<std::string>({
      "",
      "-",
      "0",
      "0-",
      "-9",
      "9-0",
      "a-b",
      "0-9x",
      "x0-9",
      " 0-9",
      "0 - 9",
      "+0-9",
      "0--9",
      "0-+9",
      "0-9-9",
      "bytes",
      "bytes ",
      "bytes=0-9",
      "0-9/10",
      "0-9/*",
      "bytes 0-9/x",
      "bytes 0-9/",
      "bytes 0-9/10 ",
      "bytes */10",
      "0-9,10-19",
      "0-18446744073709551615",  // its length does not fit
      "18446744073709551615-18446744073709551615",
      "0-18446744073709551616",
      "99999999999999999999999999-99999999999999999999999999",
  }));
  CAPTURE(header);
  const auto chunk = parse_chunk_range(header);
  REQUIRE_FALSE(chunk);
  CHECK(chunk.error().kind == Error::Kind::invalid);
}

TEST_CASE("a long header is not quoted at length") {
  const auto chunk = parse_chunk_range(std::string(5000, '9'));
  REQUIRE_FALSE(chunk);
  CHECK(chunk.error().message.size() < 300);
}

}  // namespace breakwater::routes
