#include "store/files/outside.h"

#include <system_error>

namespace breakwater::store {

Result<> check_outside(Disk& disk, const std::filesystem::path& data, const std::filesystem::path& other) {
  const auto own = disk.stat_target(data);
  if (!own) return failure(own.error());
  std::error_code error;
  auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(other), error);
  if (error)
    return failure(Error::Kind::invalid, "cannot look at " + other.string() + ": " + error.message());
  for (;; folder = folder.parent_path()) {
    const auto found = disk.stat_target(folder);
    if (!found && found.error().kind != Error::Kind::not_found) return failure(found.error());
    if (found && found->id == own->id) {
      return failure(Error::Kind::conflict, other.string() + " is in the data folder " + data.string() +
                                                ": name a folder outside of it");
    }
    if (folder == folder.parent_path()) return {};
  }
}

}  // namespace breakwater::store
