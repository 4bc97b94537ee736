#include "conf/units.h"

#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"

using namespace breakwater::conf;

TEST_CASE("a size is a whole number and a binary unit") {
  const std::vector<std::pair<std::string, uint64_t>> kGood = {
      {"0B", 0},           {"1B", 1}, {"16KiB", 16 << 10}, {"128MiB", 128 << 20}, {"100GiB", 100ULL << 30},
      {"2TiB", 2ULL << 40}};
  for (const auto& [text, bytes] : kGood) {
    INFO(text);
    auto parsed = parse_size(text);
    REQUIRE(parsed);
    CHECK(*parsed == bytes);
  }
  for (const std::string text :
       {"", "1", "GiB", "1GB", "1 GiB", "-1GiB", "+1GiB", "1.5GiB", "1gib", "1GiB ", "0x1GiB"}) {
    INFO(text);
    auto parsed = parse_size(text);
    REQUIRE(!parsed);
    CHECK(parsed.error().message.find("\"" + text + "\"") != std::string::npos);
  }
}

TEST_CASE("a size that no disk has is too large, not wrapped around") {
  for (const std::string text : {"8388608TiB", "18446744073709551616B", "99999999999999999999999TiB"}) {
    INFO(text);
    CHECK(!parse_size(text));
  }
  CHECK(parse_size("8388607TiB"));
}

TEST_CASE("a time is a whole number and a unit from milliseconds to days") {
  const std::vector<std::pair<std::string, int64_t>> kGood = {{"0", 0},
                                                              {"0s", 0},
                                                              {"500ms", 500},
                                                              {"60s", 60'000},
                                                              {"5m", 300'000},
                                                              {"168h", 604'800'000},
                                                              {"30d", 2'592'000'000}};
  for (const auto& [text, ms] : kGood) {
    INFO(text);
    auto parsed = parse_duration_ms(text);
    REQUIRE(parsed);
    CHECK(*parsed == ms);
  }
  for (const std::string text : {"", "60", "s", "1.5s", "-1s", "1h30m", "1 s", "1w", "99999999999d"}) {
    INFO(text);
    CHECK(!parse_duration_ms(text));
  }
}

TEST_CASE("a time is told in the largest unit that is exact") {
  CHECK(duration_text(0) == "0s");
  CHECK(duration_text(1'500) == "1500ms");
  CHECK(duration_text(90'000) == "90s");
  CHECK(duration_text(3'600'000) == "1h");
  CHECK(duration_text(604'800'000) == "7d");
}

TEST_CASE("a size is told in the largest unit that is exact") {
  CHECK(size_text(0) == "0B");
  CHECK(size_text(1000) == "1000B");
  CHECK(size_text(16 << 10) == "16KiB");
  CHECK(size_text(1536ULL << 20) == "1536MiB");
  CHECK(size_text(2ULL << 40) == "2TiB");
}
