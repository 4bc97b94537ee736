// Reads folders that other programs have written, and follows the symbolic links in them. May block; any
// thread.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "store/base/disk.h"

namespace breakwater::routes {

// The sorted names of the folders inside `folder`; none if `folder` does not exist.
[[nodiscard]] Result<std::vector<std::string>> folders_in(store::Disk& disk,
                                                          const std::filesystem::path& folder);

// The chain of folders from the top of a walk down to its current one, which detects symbolic links that lead
// back up.
class FolderChain {
 public:
  // `conflict` if the folder is in the chain already.
  [[nodiscard]] Result<> enter(store::Disk& disk, const std::filesystem::path& folder);
  void leave() { above_.pop_back(); }  // after an enter() that did not fail

 private:
  std::vector<std::pair<uint64_t, uint64_t>> above_;
};

}  // namespace breakwater::routes
