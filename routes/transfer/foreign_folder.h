// Folders that others have written: a name in one may be a symbolic link, and is followed. May block; any
// thread.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "store/base/disk.h"

namespace breakwater::routes {

// The names of the folders in it, sorted; none if it is not there.
[[nodiscard]] Result<std::vector<std::string>> folders_in(store::Disk& disk,
                                                          const std::filesystem::path& folder);

// The folders from the top down to where a walk is, because links may lead round.
class WayDown {
 public:
  // `conflict` if the folder lies above itself.
  [[nodiscard]] Result<> enter(store::Disk& disk, const std::filesystem::path& folder);
  void leave() { above_.pop_back(); }  // after an enter() that did not fail

 private:
  std::vector<std::pair<uint64_t, uint64_t>> above_;
};

}  // namespace breakwater::routes
