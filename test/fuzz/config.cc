// Whatever text a configuration holds: a whole Config that can be described, or at least one error, each on
// one line.
#include "conf/config.h"
#include "conf/describe.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::conf;
  const auto config = parse_config({reinterpret_cast<const char*>(data), size});
  if (!config) {
    require(!config.error().lines.empty());
    return 0;
  }
  require(!config->routes.empty());
  for (const auto& route : config->routes)
    require(!route.name.empty() && !route.listen.empty() &&
            int{route.mirror.has_value()} + int{route.registry.has_value()} + int{route.any.has_value()} ==
                1);
  require(!describe(*config).empty());
  return 0;
}
