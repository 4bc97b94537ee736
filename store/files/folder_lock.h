// Locks the data folder for one process, because two would delete each other's files. The lock is held until
// the FolderLock is destroyed or the process ends, in whatever way.
#pragma once

#include <filesystem>
#include <memory>

#include "store/base/result.h"

namespace breakwater::store {

class FolderLock {
 public:
  // Of the data folder, which is there. `conflict` if another process holds it.
  [[nodiscard]] static Result<std::unique_ptr<FolderLock>> take(const std::filesystem::path& data);
  explicit FolderLock(int fd) : fd_(fd) {}
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

}  // namespace breakwater::store
