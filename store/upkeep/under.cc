#include "store/upkeep/under.h"

#include <algorithm>

#include "store/base/disk.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/references/manifest_content.h"

namespace breakwater::store {

Result<> WhatIsUnder::add(const RepositoryKey& repository, const Digest& digest, const std::string& tag,
                          Planned& item) {
  if (!tag.empty()) {
    const auto tags = catalog_.tags_of(repository, digest);
    if (!tags) return failure(tags.error());
    const auto parent = catalog_.parent_in(digest, repository, Reach::disk);
    if (!parent) return failure(parent.error());
    const bool is_kept = *parent || std::any_of(tags->begin(), tags->end(),
                                                [&](const std::string& other) { return other != tag; });
    if (is_kept) return {};
    const auto elsewhere = is_elsewhere(repository, digest);
    if (!elsewhere) return failure(elsewhere.error());
    if (auto added = *elsewhere ? Result<>() : add_thing(digest, true, item); !added) return added;
  }
  return add_children(repository, digest, 1, item);
}

Result<> WhatIsUnder::add_children(const RepositoryKey& repository, const Digest& parent, int level,
                                   Planned& item) {
  if (level > kManifestLevelsMax + 1) return {};
  const auto children = catalog_.children(repository, parent);
  if (!children) return failure(children.error());
  for (const Digest& child : *children) {
    const auto parents = catalog_.parents_in(child, repository, std::nullopt, 2);
    if (!parents) return failure(parents.error());
    const auto manifest = catalog_.manifest(repository, child, Reach::disk);
    if (!manifest) return failure(manifest.error());
    const auto tags = *manifest ? catalog_.tags_of(repository, child) : Result<std::vector<std::string>>();
    if (!tags) return failure(tags.error());
    if (parents->size() > 1 || !tags->empty()) continue;
    const auto elsewhere = is_elsewhere(repository, child);
    if (!elsewhere) return failure(elsewhere.error());
    auto added = *elsewhere ? Result<>() : add_thing(child, manifest->has_value(), item);
    if (added && *manifest) added = add_children(repository, child, level + 1, item);
    if (!added) return added;
  }
  return {};
}

Result<> WhatIsUnder::add_thing(const Digest& digest, bool is_manifest, Planned& item) {
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return {};
  const uint64_t bytes = on_disk((*record)->size);
  item.bytes += bytes;
  ++item.under_total;
  if (named_ >= kUnderMax) return {};
  ++named_;
  item.under.push_back({digest, bytes, is_manifest});
  return {};
}

// Whether another repository has it, of whatever route.
Result<bool> WhatIsUnder::is_elsewhere(const RepositoryKey& repository, const Digest& digest) const {
  const auto links = catalog_.by_digest().links(digest, 2);
  if (!links) return failure(links.error());
  const auto needing = catalog_.by_digest().repositories_naming(digest, 2);
  if (!needing) return failure(needing.error());
  const auto is_other = [&](const RepositoryKey& one) { return one != repository; };
  return std::any_of(links->begin(), links->end(), is_other) ||
         std::any_of(needing->begin(), needing->end(), is_other);
}

}  // namespace breakwater::store
