#include "routes/transfer/foreign_folder.h"

#include <algorithm>

namespace breakwater::routes {
namespace {

// A link whose target cannot be examined counts as a folder, so that the error shows when the folder is read.
bool is_folder(store::Disk& disk, const std::filesystem::path& folder, const store::DirectoryEntry& entry) {
  if (!entry.is_link) return entry.is_directory;
  const auto found = disk.stat_target(folder / entry.name);
  return found ? found->is_directory : found.error().kind != Error::Kind::not_found;
}

}  // namespace

Result<std::vector<std::string>> folders_in(store::Disk& disk, const std::filesystem::path& folder) {
  std::vector<std::string> names;
  const auto entries = disk.list(folder);
  if (!entries && entries.error().kind == Error::Kind::not_found) return names;
  if (!entries) return failure(entries.error());
  for (const auto& entry : *entries) {
    if (is_folder(disk, folder, entry)) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<> FolderChain::enter(store::Disk& disk, const std::filesystem::path& folder) {
  const auto found = disk.stat_target(folder);
  if (!found) return failure(found.error());
  if (std::find(above_.begin(), above_.end(), found->id) != above_.end()) {
    return failure(Error::Kind::conflict,
                   folder.string() + " is a symbolic link to a folder above it, and not followed");
  }
  above_.push_back(found->id);
  return {};
}

}  // namespace breakwater::routes
