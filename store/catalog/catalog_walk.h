// Walks over everything that the catalog has of a kind, in the order of the keys, some steps at a time.
//
//   std::string position;
//   do some = catalog.walk().next_blobs(position, 1000, malformed); while (some->size() == 1000);
//
// A call returns at most `limit` records behind `position` (empty: from the start), and moves `position` on.
// If fewer than `limit` come, the walk has ended. A record that cannot be decoded is left out and told to
// `malformed`. A walk does not fill the block cache. A record that changes during a walk may be seen or not.
// May block; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogWalk {
 public:
  explicit CatalogWalk(const Database& database) : database_(database) {}

  [[nodiscard]] Result<std::vector<TagOf>> next_tags(std::string& position, size_t limit,
                                                     const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<TagHistory>> next_histories(std::string& position, size_t limit,
                                                               const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<NamedManifest>> next_manifests(std::string& position, size_t limit,
                                                                  const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<Edge>> next_edges(std::string& position, size_t limit,
                                                     const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<LinkOf>> next_links(std::string& position, size_t limit,
                                                       const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<UsedBlob>> next_blobs(std::string& position, size_t limit,
                                                         const Malformed& malformed) const;
  // How much of next_blobs() is before a position of it, from 0 to 1: digests are spread evenly. Never
  // blocks.
  static double share_before(const std::string& position);
  // All whose digest begins with `first`, in the order of the digests.
  [[nodiscard]] Result<std::vector<UsedBlob>> blobs_in(Algorithm, uint8_t first,
                                                       const Malformed& malformed) const;

 private:
  const Database& database_;
};

}  // namespace breakwater::store
