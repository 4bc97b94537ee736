// StoreEvictor makes room in a Store by taking away what is missed least, in this order:
//
//   1. Uploads that were refused for want of room, because nobody may ever continue them.
//   2. If the route is a mirror over its own bound: the mirror's own content. Nothing else can help there.
//   3. Dead content of any registry.
//   4. Content of any mirror, because a mirror can fetch it again.
//   5. If the route is a registry: the route's own broken-off uploads, then its own cache tags.
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
        partials_(partials),
        trash_(trash),
        disk_bound_(disk_bound),
        mirrors_(parts, blobs, partials, trash, disk_bound),
        registries_(parts, partials, trash, collector, disk_bound) {}

  [[nodiscard]] Result<> evict_for(const std::string& route, uint64_t size) override;
  [[nodiscard]] Result<> judge(const std::string& route, uint64_t size) override;

 private:
  Result<> make_room(const std::string& route, uint64_t size);
  Result<> judge_kinds(const std::string& route, uint64_t size);
  bool has_room_when_gone(const std::string& route, uint64_t size);
  Result<> note_hold(Result<> result, uint64_t holds_ended) const;

  const Parts parts_;
  IdlePartials& partials_;
  Trash& trash_;
  DiskBound& disk_bound_;
  MirrorEviction mirrors_;
  RegistryEviction registries_;
};

}  // namespace breakwater::store
