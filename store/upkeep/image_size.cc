#include "store/upkeep/image_size.h"

#include <deque>
#include <set>

namespace breakwater::store {

Result<ImageSize> image_size(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest) {
  struct Thing {
    Digest digest;
    uint64_t told = 0;  // the size that its parent gives
    bool is_manifest = false;
  };
  ImageSize size;
  std::set<Digest> seen = {digest};
  std::deque<Thing> waiting = {{digest, 0, true}};
  while (!waiting.empty()) {
    const Thing thing = waiting.front();
    waiting.pop_front();
    const auto record = catalog.blob(thing.digest, Reach::disk);
    if (!record) return failure(record.error());
    size.bytes += *record ? (*record)->size : thing.told;
    if (*record) size.here_bytes += (*record)->size;
    if (!*record) ++size.missing;
    if (!*record && thing.is_manifest) size.is_at_least = true;
    const auto children = catalog.children(repository, thing.digest);
    if (!children) return failure(children.error());
    for (const Digest& child : *children) {
      if (seen.contains(child)) continue;
      if (seen.size() >= ImageSize::kThingsMax) {
        size.is_at_least = true;
        return size;
      }
      const auto edge = catalog.edge(child, repository, thing.digest);
      if (!edge) return failure(edge.error());
      if (!*edge) continue;
      seen.insert(child);
      waiting.push_back({child, (*edge)->size, (*edge)->is_manifest});
    }
  }
  return size;
}

}  // namespace breakwater::store
