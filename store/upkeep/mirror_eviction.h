// Room made with what mirrors hold, because it can be fetched again: this class gathers what could go,
// eviction.h decides what does, and Blobs and IdlePartials take it away. A search that was in vain is not
// repeated (vain_search.h). One thread at a time; may block.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/capacity/eviction.h"
#include "store/catalog/rows.h"
#include "store/upkeep/vain_search.h"

namespace breakwater::store {

class Blobs;
class DiskBound;
class IdlePartials;
class Trash;

class MirrorEviction {
 public:
  MirrorEviction(const Parts& parts, Blobs& blobs, IdlePartials& partials, const Trash& trash,
                 DiskBound& disk_bound)
      : parts_(parts), blobs_(blobs), partials_(partials), trash_(trash), disk_bound_(disk_bound) {}

  // Which bounds are to be kept: the route's own alone, or the store's as well.
  enum class Bound { route, each };
  // Evicts the least recently used first, until `size` more bytes of the route fit and a little more is free
  // (low_water()), so that the next caller finds room. Nothing is evicted if all that may go is not enough.
  [[nodiscard]] Result<> evict(const std::string& route, uint64_t size, Bound bound);

  // Whether as much as is needed is on the accounts of mirrors, pinned or not.
  bool can_suffice(const std::string& route, const Budget::Shortage& needed) const;
  // How many blobs all searches have looked at.
  uint64_t blobs_looked_at() const { return blobs_looked_at_; }

 private:
  // What may be chosen: `id` or `blob` says which it is.
  struct Evictable {
    std::string id;
    std::optional<UsedBlob> blob;
    std::string name() const { return blob ? blob->digest.text() : id; }
  };
  struct Evictables {
    std::vector<Evictable> things;
    std::vector<EvictionCandidate> candidates;  // of the same index
    VainSearch::Left left;
    bool is_complete = true;  // there are no more
  };
  struct Attempt;
  Result<> evict_until(const std::string& route, uint64_t size, Bound bound, EvictionCandidate::Kind last);
  Result<bool> evict_some(Attempt& attempt, const Budget::Shortage& needed);
  Result<Evictables> evictables(size_t blobs_max);
  Result<> add_blobs_of(const std::string& route, size_t blobs_max, Evictables& found);
  bool is_known_to_be_vain(const Attempt& attempt, const Budget::Shortage& needed);
  VainSearch::Now now() const;
  void tell_of_pins(const Attempt& attempt, const VainSearch::Left& left, const Budget::Shortage& needed);
  Result<bool> evict(const Evictable& thing);

  const Parts parts_;
  Blobs& blobs_;
  IdlePartials& partials_;
  const Trash& trash_;
  DiskBound& disk_bound_;
  VainSearch vain_;
  uint64_t blobs_looked_at_ = 0;
};

// What is left free beyond what was asked for, once room has to be made: part of the smaller bound.
uint64_t low_water(const Budget& budget, const std::string& route);

}  // namespace breakwater::store
