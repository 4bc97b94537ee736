#include "store/base/byte_text.h"

#include "test/catch.h"

namespace breakwater::store {

TEST_CASE("a size is told in the largest unit of which it has one, with at most one decimal") {
  CHECK(byte_text(0) == "0 B");
  CHECK(byte_text(1023) == "1023 B");
  CHECK(byte_text(1024) == "1 KiB");
  CHECK(byte_text(1536) == "1.5 KiB");
  CHECK(byte_text(20 << 20) == "20 MiB");
  CHECK(byte_text((20 << 20) + 4096) == "20 MiB");
  CHECK(byte_text((1 << 20) - 1) == "1 MiB");
  CHECK(byte_text(UINT64_MAX) == "16 EiB");
}

}  // namespace breakwater::store
