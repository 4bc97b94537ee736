#include "routes/ops/words.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

TEST_CASE("sizes are told in the unit in which they are read at a glance") {
  CHECK(bytes_words(0) == "0 B");
  CHECK(bytes_words(1023) == "1023 B");
  CHECK(bytes_words(1024) == "1 KiB");
  CHECK(bytes_words(1536) == "1.5 KiB");
  CHECK(bytes_words(20ULL << 20) == "20 MiB");
  CHECK(bytes_words((100ULL << 30) + 5) == "100 GiB");
  CHECK(bytes_words(UINT64_MAX) == "16777216 TiB");
}

TEST_CASE("times are told by their two greatest units") {
  CHECK(duration_words(0) == "0 s");
  CHECK(duration_words(119) == "119 s");
  CHECK(duration_words(120) == "2 min");
  CHECK(duration_words(7200) == "2 h");
  CHECK(duration_words(12000) == "3 h 20 min");
  CHECK(duration_words(9 * 86400 + 5) == "9 days");
}

TEST_CASE("columns are as wide as what is in them, numbers stand right, and no line ends with spaces") {
  Columns columns({"NAME", ">BYTES", "WHY"});
  CHECK(columns.is_empty());
  columns.add({"a", "1", "x"});
  columns.add({"länger", "1000", ""});
  CHECK(columns.text() ==
        "NAME    BYTES  WHY\n"
        "a           1  x\n"
        "länger   1000\n");
}

}  // namespace
}  // namespace breakwater::routes
