// The mark of an orderly stop is a file in the data folder. An orderly stop makes the file last, and a start
// removes the file first. A start believes the catalog only if it finds both this file and the mark in the
// catalog (CatalogState::clean); otherwise it compares the names of all files with the catalog (recovery.h).
//
// The catalog's mark alone would not do, because to remove a key needs room on the disk. A file can be
// removed even from a full disk.
#pragma once

#include <atomic>
#include <filesystem>
#include <utility>

#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::store {

class CleanMark {
 public:
  CleanMark(Disk& disk, std::filesystem::path data) : disk_(disk), data_(std::move(data)) {}

  // Removes the mark durably. Returns whether the mark was there.
  [[nodiscard]] Result<bool> take();
  [[nodiscard]] Result<> make();

  // Files and catalog may disagree: this run will not be marked as clean, so that the next start compares
  // them. Never blocks; any thread.
  void forgo() { forgone_ = true; }
  bool is_forgone() const { return forgone_; }

 private:
  Disk& disk_;
  const std::filesystem::path data_;
  std::atomic<bool> forgone_ = false;
};

}  // namespace breakwater::store
