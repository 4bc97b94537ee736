// Which of a mirror's stored things are evicted when room is needed: a pure decision over sizes, ages and
// pins. Nothing is deleted here: MirrorEviction passes the decision to Blobs and IdlePartials.
//
// Idle partials are evicted first, then blobs, and manifests last, because a manifest is small and the blobs
// that it names are of no use without it. Within each kind the least recently used goes first. Nothing pinned
// is evicted. If all that may be evicted would not make enough room, nothing is evicted, because an emptied
// cache would help nobody.
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
