// RegistryEviction makes room with what registries can spare. First go uploads that were refused for want of
// room, because nobody may ever continue them. Then go dead manifests and blobs, even if untagged_after would
// keep them longer. Then go the route's own uploads that nobody has continued for the length of a lease and
// at least an hour. Last go the route's own cache tags, the least recently used first. A leased digest stays,
// however little room there is. One thread at a time; may block.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Collector;
class DiskBound;
class IdlePartials;
class Trash;

class RegistryEviction {
 public:
  RegistryEviction(const Parts& parts, IdlePartials& partials, Trash& trash, Collector& collector,
                   DiskBound& disk_bound)
      : parts_(parts), partials_(partials), trash_(trash), collector_(collector), disk_bound_(disk_bound) {}

  // Each goes on until `size` more bytes of the route fit, or there is no more of its kind.

  // Deletes abandoned uploads: those of any route if the whole lacks room, else the route's own.
  [[nodiscard]] Result<> evict_abandoned(const std::string& route, uint64_t size);
  // Deletes what is dead in any registry, by doing all queued reviews now. `full`, with the time to wait, if
  // no review could be done and a queued digest, dead or not, has a lease that ends within ten seconds.
  [[nodiscard]] Result<> evict_dead(const std::string& route, uint64_t size);
  [[nodiscard]] Result<> evict_uploads(const std::string& route, uint64_t size);
  // With what only they need.
  [[nodiscard]] Result<> evict_cache_tags(const std::string& route, uint64_t size);

 private:
  struct Pass {
    bool has_reviewed_any = false;
    std::optional<Time> soon;  // when the first that only a lease keeps may go
  };
  Result<Pass> review_all(const std::string& route, uint64_t size);
  Result<> review_one(const Review& review, Pass& pass);
  Result<Time> leased_until(const Review& review) const;
  Result<> evict_upload(const std::string& id, const std::string& route);
  Result<> empty_trash(uint64_t size);

  const Parts parts_;
  IdlePartials& partials_;
  Trash& trash_;
  Collector& collector_;
  DiskBound& disk_bound_;
};

// How long an upload is kept, however little room there is, after it was last continued.
Time::duration upload_kept_for(const RouteRules& rules);

}  // namespace breakwater::store
