// Whether registries take no pushes and delete nothing that is asked for, because their operator said so: for
// a backup by other means, a move to another machine, an investigation. A file in the data folder remembers
// it over restarts. Any thread; load() and set() block.
#pragma once

#include <atomic>
#include <filesystem>

#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::conf {

class ReadOnly {
 public:
  // `disk` outlives this.
  ReadOnly(store::Disk& disk, const std::filesystem::path& data)
      : disk_(disk), data_(data), file_(data / "read-only") {}

  [[nodiscard]] Result<> load();
  [[nodiscard]] Result<> set(bool on);
  bool is_on() const { return is_on_; }

 private:
  store::Disk& disk_;
  const std::filesystem::path data_;
  const std::filesystem::path file_;
  std::atomic<bool> is_on_ = false;
};

}  // namespace breakwater::conf
