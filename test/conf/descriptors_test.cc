#include "conf/descriptors.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "test/catch.h"

namespace breakwater::conf {
namespace {

size_t all_of(const DescriptorShares& shares) {
  const size_t catalog = shares.catalog < 0 ? 0 : static_cast<size_t>(shares.catalog);
  return 2 * shares.clients + shares.blobs + shares.uploads + shares.fills + shares.upstream + shares.admin +
         catalog;
}

TEST_CASE("whatever the limit, all shares together leave a reserve, and nobody goes without") {
  for (const uint64_t limit : {136, 200, 256, 512, 1024, 4096, 10'000, 65'536, 1'048'576}) {
    for (const size_t listeners : {1, 8}) {
      CAPTURE(limit, listeners);
      const auto shares = share_descriptors(limit, listeners);
      REQUIRE(shares);
      CHECK(all_of(*shares) + 50 + listeners <= limit);
      CHECK(shares->clients >= 4);
      CHECK(shares->blobs >= 4);
      CHECK(shares->uploads >= 1);
      CHECK(shares->fills >= 1);
      CHECK(shares->upstream >= 4);
    }
  }
}

TEST_CASE("with descriptors enough all tables of the catalog stay open, and clients have most") {
  const auto shares = share_descriptors(65'536, 8);
  REQUIRE(shares);
  CHECK(shares->catalog == -1);
  CHECK(shares->clients > 16'000);
  CHECK(share_descriptors(256, 8)->catalog == 24);
}

TEST_CASE("too few descriptors are refused in a sentence that says how many are needed") {
  const auto refused = share_descriptors(100, 8);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::invalid);
  CHECK(refused.error().message.find("may open 100 files") != std::string::npos);
  CHECK(refused.error().message.find("needs 136") != std::string::npos);
}

// How many descriptors the kernel's table of this process has places for.
uint64_t table_size() {
  std::ifstream status("/proc/self/status");
  std::string key;
  uint64_t size = 0;
  while (status >> key) {
    if (key == "FDSize:" && status >> size) return size;
  }
  return 0;
}

TEST_CASE("the table of descriptors has its places before they are needed, and no descriptor is used up") {
  const uint64_t limit = raise_descriptor_limit();
  const uint64_t wanted = std::min(limit, kTableMax);
  const int before = ::dup(0);
  REQUIRE(before >= 0);
  ::close(before);
  reserve_descriptor_table(limit);
  CHECK(table_size() >= wanted);
  const int after = ::dup(0);
  CHECK(after == before);
  ::close(after);
}

}  // namespace
}  // namespace breakwater::conf
