// What the catalog has of the past: buckets of traffic, the heaviest of a day, and generations of cache tags.
// They are written by a Batch. Walks are those of catalog_walk.h. May block; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogHistory {
 public:
  explicit CatalogHistory(const Database& database) : database_(database) {}

  [[nodiscard]] Result<std::optional<TrafficRecord>> traffic(TrafficRing, const std::string& route,
                                                             uint64_t slot) const;
  [[nodiscard]] Result<std::vector<TrafficRow>> next_traffic(TrafficRing, std::string& position, size_t limit,
                                                             const Malformed& malformed) const;
  [[nodiscard]] Result<std::optional<HeavyRecord>> heavy(HeavyKind, uint64_t slot) const;
  // The id of the counts that were added last; 0 if none ever were. It is of the same change as they, so it
  // tells whether a change that was refused is true all the same.
  [[nodiscard]] Result<uint64_t> counted() const;

  [[nodiscard]] Result<std::optional<GenerationsRecord>> generations(const RepositoryKey&,
                                                                     const std::string& tag) const;
  [[nodiscard]] Result<std::vector<TagGenerations>> next_generations(std::string& position, size_t limit,
                                                                     const Malformed& malformed) const;

 private:
  const Database& database_;
};

}  // namespace breakwater::store
