// RegistryEviction makes room with what registries can spare. First go uploads that were refused for want of
// room, because nobody may ever continue them. Then go dead manifests and blobs, even if untagged_after would
// keep them longer. Then go the route's own uploads that nobody has continued for the length of a lease and
// at least an hour. Last go the route's own cache tags, the least recently used first. A leased digest stays,
// however little room there is. One thread at a time; may block.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/capacity/budget.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

struct CacheTag;
class Collector;
class DiskBound;
struct IdlePartial;
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

  // What the functions above may find, for a size that is only claimed: nothing goes. The errors are theirs.
  // Bytes of uploads that may go: of the route (first), and those that may go for the whole (second).
  Budget::Shortage spare_uploads(const std::string& route) const;
  // Whether anything is queued for review that no lease keeps, dead or not.
  [[nodiscard]] Result<bool> may_have_dead(const std::string& route, uint64_t size);
  [[nodiscard]] Result<bool> has_cache_tags(const std::string& route);

 private:
  // What a walk over all of something has found that could free nothing. That stays true until something
  // changes in the catalog (Catalog::need_changes()) or a lease ends, so that one refused push after the
  // other costs no walk. While it is not true any more, a long walk is not repeated at once either: whoever
  // asks is told to ask again in a moment.
  class Fruitless {
   public:
    // Call both around a walk that found nothing; `until`: when a lease ends that kept something.
    void begin(uint64_t changes);
    void end(std::optional<Time> until);
    bool is_true(uint64_t changes, Time now) const;
    bool is_tiring() const;  // the walk was long, and is not long past
    std::optional<Time> until() const { return until_; }

   private:
    uint64_t changes_ = 0;
    std::optional<Time> until_;
    bool is_known_ = false;
    std::chrono::steady_clock::time_point began_{}, ended_{};
  };
  struct Pass {
    bool has_reviewed_any = false;
    bool has_failed_any = false;
    bool is_whole = false;     // all of the queue was looked at
    std::optional<Time> soon;  // when the first that only a lease keeps may go
  };
  Result<Pass> review_all(const std::string& route, uint64_t size);
  Result<> review_one(const Review& review, Pass& pass);
  Result<std::vector<CacheTag>> cache_tags_that_may_go(const std::string& route);
  bool is_spare_upload(const IdlePartial& partial, const std::string& route) const;
  Result<Time> leased_until(const Review& review) const;
  Result<> evict_upload(const std::string& id, const std::string& route);
  Result<> empty_trash(uint64_t size);
  Result<> wait_for_lease(const std::string& route, uint64_t size, std::optional<Time> until) const;

  const Parts parts_;
  IdlePartials& partials_;
  Trash& trash_;
  Collector& collector_;
  DiskBound& disk_bound_;
  Fruitless dead_;
  std::map<std::string, Fruitless> cache_tags_;  // by route
};

// How long an upload is kept, however little room there is, after it was last continued.
Time::duration upload_kept_for(const RouteRules& rules);

}  // namespace breakwater::store
