// Room made with what registries can spare: what is dead though its time has not come; uploads that were
// refused, or that nobody has gone on with for the length of a lease; in the end tags that the policy calls
// cache, the least recently used first. What a client was told exists stays for its lease, whatever is
// needed. One thread at a time; may block.
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

  // What is dead, of any registry. `full`, with the time to wait, if something dead is kept by a short lease
  // only.
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
  Result<> empty_trash(uint64_t size);

  const Parts parts_;
  IdlePartials& partials_;
  Trash& trash_;
  Collector& collector_;
  DiskBound& disk_bound_;
};

}  // namespace breakwater::store
