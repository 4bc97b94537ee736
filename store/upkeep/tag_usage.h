// What one tag takes of the disk, and what deleting it would free, to the byte, as the removal (removal.h)
// plans it. All bytes are on the disk, in whole blocks. May block; any thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "store/base/result.h"
#include "store/catalog/rows.h"
#include "store/upkeep/removal.h"

namespace breakwater::store {

struct TagUsage {
  uint64_t bytes = 0;         // of what it needs and is here, each thing once
  uint64_t unique_bytes = 0;  // of these: nothing would have it any more but what goes with the tag
  // What deleting the tag gives back: these, and what only refers to them, such as signatures.
  uint64_t freed_bytes = 0;
  bool is_kept = false;      // a pin keeps it: it frees nothing
  bool is_at_least = false;  // there is more than what one look takes in
  static constexpr size_t kThingsMax = 10'000;
};
// `conflict` if it was stopped.
[[nodiscard]] Result<TagUsage> tag_usage(const Removing& removing, const RepositoryKey& repository,
                                         const NamedTag& tag, const std::stop_token& stop);

}  // namespace breakwater::store
