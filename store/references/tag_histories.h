// TagHistories writes what upstream has shown under the tags of mirrors. A mirror that holds back changes of
// tags (min_age) reads it by Catalog::history(). Nothing is kept of the tags of other mirrors.
//
// A history outlives its tag's record, so nothing deletes it with the tag: it goes with its route, or by
// trim() when there are very many. A tag without one counts as seen first when its record was made.
//
// May block; any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "store/base/log.h"
#include "store/base/result.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Catalog;

class TagHistories {
 public:
  static constexpr size_t kHistoriesMax = 100'000;

  // What it borrows outlives it. trim() keeps at most `histories_max`.
  TagHistories(Catalog& catalog, Log& log, size_t histories_max = kHistoriesMax)
      : catalog_(catalog), log_(log), histories_max_(histories_max) {}

  // Takes the place of what was known of the tag, unless that is the same. Not synced.
  [[nodiscard]] Result<> put(const RepositoryKey& repository, const std::string& tag,
                             const TagHistoryRecord& record);
  [[nodiscard]] Result<> remove(const RepositoryKey& repository, const std::string& tag);
  // To be called every now and then. If there are too many, a tenth and what is beyond the bound goes: those
  // in which nothing new was seen for longest. Walks over all only if that may be so.
  [[nodiscard]] Result<> trim();

 private:
  Result<> remove_not_newer_than(Time newest);

  Catalog& catalog_;
  Log& log_;
  const size_t histories_max_;
  std::atomic<bool> is_counted_ = false;
  std::atomic<size_t> count_ = 0;  // since it was counted; maybe too high, never too low
};

}  // namespace breakwater::store
