// The folder is one process's: two would delete each other's files. Held from take() to the end of the
// process at the latest, however that ends.
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
