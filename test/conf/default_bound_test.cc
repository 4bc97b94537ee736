#include "conf/default_bound.h"

#include "conf/config.h"
#include "conf/describe.h"
#include "conf/part_settings.h"
#include "conf/units.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {

TEST_CASE("without a bound a store has 90 % of its file system, also before its folder is made") {
  const test::Folder folder;
  const auto size = std::filesystem::space(folder.path()).capacity;
  CHECK(default_bound(folder.path()) == size / 100 * 90);
  CHECK(default_bound(folder.path() / "not/yet") == size / 100 * 90);
  auto config = default_config();
  config.data = folder.path() / "data";
  config.bytes_max.reset();
  CHECK(store_settings(config).bytes_max == size / 100 * 90);
  CHECK(describe(config).find("at most " + size_text(size / 100 * 90) +
                              ", 90 % of its file system, because bytes_max is not set") !=
        std::string::npos);
  config.bytes_max = 1ULL << 30;
  CHECK(store_settings(config).bytes_max == 1ULL << 30);
  CHECK(describe(config).find("because bytes_max is not set") == std::string::npos);
}

}  // namespace breakwater::conf
