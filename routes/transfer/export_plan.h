// What an export would write, by the catalog alone: nothing is read but records. A tag of which something
// turns out to be damaged is in it all the same. Memory: a repository's digests. May block; any thread.
#pragma once

#include <cstdint>

#include "routes/transfer/exports.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

struct ExportPlan {
  uint64_t repositories = 0, tags = 0;
  uint64_t bytes = 0;  // of the blobs; one that several repositories have counts for each
};
[[nodiscard]] Result<ExportPlan> plan_export(store::Store& store, const ExportSettings& settings);

}  // namespace breakwater::routes
