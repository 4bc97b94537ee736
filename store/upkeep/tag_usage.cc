#include "store/upkeep/tag_usage.h"

#include <map>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"

namespace breakwater::store {
namespace {

// What the manifest needs and is here, with the bytes of each.
Result<std::map<Digest, uint64_t>> needed_by(const Catalog& catalog, const RepositoryKey& repository,
                                             const Digest& manifest, bool& is_at_least) {
  std::map<Digest, uint64_t> needed;
  std::vector<Digest> waiting = {manifest};
  needed.emplace(manifest, 0);
  while (!waiting.empty()) {
    const Digest digest = waiting.back();
    waiting.pop_back();
    const auto record = catalog.blob(digest, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) needed[digest] = on_disk((*record)->size);
    const auto children = catalog.children(repository, digest);
    if (!children) return failure(children.error());
    for (const Digest& child : *children) {
      if (needed.size() >= TagUsage::kThingsMax) is_at_least = true;
      if (needed.size() >= TagUsage::kThingsMax) return needed;
      if (needed.emplace(child, 0).second) waiting.push_back(child);
    }
  }
  return needed;
}

}  // namespace

Result<TagUsage> tag_usage(const Removing& removing, const RepositoryKey& repository, const NamedTag& tag,
                           const std::stop_token& stop) {
  TagUsage usage;
  const auto needed = needed_by(removing.parts.catalog, repository, tag.record.digest, usage.is_at_least);
  if (!needed) return failure(needed.error());
  for (const auto& [digest, bytes] : *needed) usage.bytes += bytes;
  const auto planned = plan_removal(removing, {repository.route, repository.repository, tag.tag}, stop);
  if (stop.stop_requested()) return failure(Error::Kind::conflict, "stopped before all was added up");
  // Gone meanwhile.
  if (!planned && planned.error().kind == Error::Kind::not_found) return usage;
  if (!planned) return failure(planned.error());
  usage.is_kept = planned->tags.empty();
  usage.is_at_least = usage.is_at_least || planned->is_cut;
  usage.freed_bytes = planned->bytes;
  for (const Removal::Blob& blob : planned->blobs) {
    if (needed->contains(blob.digest)) usage.unique_bytes += blob.bytes;
  }
  return usage;
}

}  // namespace breakwater::store
