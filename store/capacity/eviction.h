// Which stored things go when room is needed: a pure decision over sizes, ages and pins. It deletes nothing;
// Store does.
//
// First to go are partials that nobody receives, then blobs, last manifests, because a manifest is small and
// without it the blobs it names are of no use; within each kind the least recently used first. Nothing that
// is pinned goes. It is all or nothing: when what may go does not make enough room, nothing goes, for an
// emptied cache would help nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/capacity/budget.h"

namespace breakwater::store {

struct EvictionCandidate {
  enum class Kind { partial, blob, manifest };  // in the order in which they go
  Kind kind = Kind::blob;
  std::string route;   // whose bound it counts against
  uint64_t bytes = 0;  // on disk
  Time used_at{};
  bool pinned = false;  // read, or needed by a route that is no mirror
};

// The indices of what goes, in order, so that `needed.route` bytes leave `route` and `needed.whole` bytes
// leave the store; empty if that cannot be done (or if nothing is needed).
std::vector<size_t> choose_evictions(std::span<const EvictionCandidate> candidates, const std::string& route,
                                     Budget::Shortage needed);

}  // namespace breakwater::store
