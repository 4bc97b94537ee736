// What a removal (removal.h) takes away, step by step. It is found from the tags downwards: whether a
// manifest goes is asked again whenever something that kept it has gone. Nothing is changed. May block; any
// thread.
#pragma once

#include <cstddef>
#include <stop_token>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"
#include "store/references/image_pattern.h"
#include "store/upkeep/removal.h"

namespace breakwater::store {

struct RemovalPlan {
  // `not_found` if nothing matches; `conflict` if it was stopped before it knew.
  [[nodiscard]] static Result<RemovalPlan> of(const Parts& parts, const ImagePattern& what, size_t things_max,
                                              const std::stop_token& stop);

  Removal removal;
  std::vector<LinkOf> links;           // that go, but for those of manifests, which go with them
  std::vector<Removal::Blob> leaving;  // stored, and leaving a repository, whoever has them still
};

}  // namespace breakwater::store
