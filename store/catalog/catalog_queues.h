// What waits for its turn: reviews by the time when they are due, a route's blobs by their last use, and
// uploads. May block; any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogQueues {
 public:
  explicit CatalogQueues(const Database& database) : database_(database) {}

  // Reviews whose time has come at `now`, the longest due first, behind `after`.
  [[nodiscard]] Result<std::vector<Review>> reviews(Time now, size_t limit,
                                                    const std::optional<Review>& after = std::nullopt) const;
  // The one of this digest at this time.
  [[nodiscard]] Result<std::optional<Review>> queued_review(Time review_after, const Digest&) const;
  // Blobs on the account of a route, the least recently used first. Those whose record cannot be understood
  // are left out and told to `unreadable`.
  using Unreadable = std::function<void(const Digest&, const Error&)>;
  [[nodiscard]] Result<std::vector<UsedBlob>> least_recently_used(const std::string& route, size_t limit,
                                                                  const Unreadable& unreadable = {}) const;
  [[nodiscard]] Result<std::vector<std::string>> upload_ids() const;

 private:
  Result<std::vector<Digest>> used_digests(const std::string& prefix, std::string& from, size_t limit) const;

  const Database& database_;
};

}  // namespace breakwater::store
