// Who makes room in a Store, in the order of what is missed least: what the route's own mirror can fetch
// again, what is dead, what any mirror can fetch again, then a registry's broken-off uploads and caches.
#pragma once

#include <cstdint>
#include <string>

#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/upkeep/mirror_eviction.h"
#include "store/upkeep/registry_eviction.h"

namespace breakwater::store {

class Blobs;
class Collector;
class DiskBound;
class IdlePartials;
class Trash;

class StoreEvictor final : public Evictor {
 public:
  StoreEvictor(const Parts& parts, Blobs& blobs, IdlePartials& partials, Trash& trash, Collector& collector,
               DiskBound& disk_bound)
      : parts_(parts),
        trash_(trash),
        disk_bound_(disk_bound),
        mirrors_(parts, blobs, partials, trash, disk_bound),
        registries_(parts, partials, trash, collector, disk_bound) {}

  [[nodiscard]] Result<> evict_for(const std::string& route, uint64_t size) override;

 private:
  Result<> check_reached(const std::string& route, uint64_t size);

  const Parts parts_;
  const Trash& trash_;
  DiskBound& disk_bound_;
  MirrorEviction mirrors_;
  RegistryEviction registries_;
};

}  // namespace breakwater::store
