// `breakwater verify`: checks what the scrub checks (store/upkeep/scrub.h), at full speed, while no process
// serves the folder. Nothing is changed.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "conf/config.h"
#include "routes/ops/progress.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::conf {

struct Verified {
  static constexpr size_t kFindingsMax = 1000;
  uint64_t blobs = 0, bytes = 0;  // that are right
  uint64_t broken = 0;
  std::vector<std::string> findings;  // the first of them: each with the tags that it breaks
  std::string words() const;          // a line, with its end
};

struct VerifyHooks {
  std::function<void(const std::string& line)> say;  // told of each broken thing as it is found
  routes::Progress* progress = nullptr;
  std::stop_token stop = {};
};

// `conflict` while a server holds the folder, which scrubs by itself; `not_found` if there is no folder;
// `unavailable` if it was stopped.
[[nodiscard]] Result<Verified> verify(const Config& config, store::Disk& disk, const VerifyHooks& hooks);

}  // namespace breakwater::conf
