// The mark of an orderly stop: a file in the data folder that is made last and taken away first. A start that
// finds it believes the catalog; without it the names of all files are held against the catalog (recovery.h).
//
// A key in the catalog says the same, but to change that needs room: a file can be taken away on any disk.
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

  // Whether it was there. It is not any more, also after a power cut.
  [[nodiscard]] Result<bool> take();
  [[nodiscard]] Result<> make();

  // A file may be there that the catalog does not know, or the other way round: this stop will not be called
  // clean, so that the next start finds out. Never blocks; any thread.
  void forgo() { forgone_ = true; }
  bool is_forgone() const { return forgone_; }

 private:
  Disk& disk_;
  const std::filesystem::path data_;
  std::atomic<bool> forgone_ = false;
};

}  // namespace breakwater::store
