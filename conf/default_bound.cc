#include "conf/default_bound.h"

#include <system_error>

namespace breakwater::conf {

std::optional<uint64_t> default_bound(const std::filesystem::path& data) {
  std::error_code error;
  auto folder = std::filesystem::absolute(data, error).lexically_normal();
  while (!error && !std::filesystem::exists(folder, error) && folder != folder.parent_path())
    folder = folder.parent_path();
  const auto space = std::filesystem::space(folder, error);
  // Some file systems have no size: those of the network, now and then.
  if (error || space.capacity == 0 || space.capacity == static_cast<uintmax_t>(-1)) return std::nullopt;
  return space.capacity / 100 * kDefaultBoundPercent;
}

}  // namespace breakwater::conf
