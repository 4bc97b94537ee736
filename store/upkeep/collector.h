// What nothing refers to any more, and no client relies on, goes: the review queue, and the tags that their
// policies let go.
//
// There is no mark phase. Whatever takes a reference away queues a review of what it referred to, in the same
// batch; a review decides and takes away in one transaction (References::review). What goes may leave others
// without reference: they are queued in turn. A review stays in the catalog until it has been done, so a stop
// at any moment loses none.
//
// Everything may block; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"
#include "store/references/references.h"
#include "store/references/retention.h"

namespace breakwater::store {

class Blobs;
class Trash;

class Collector {
 public:
  Collector(const Parts& parts, Blobs& blobs, Trash& trash) : parts_(parts), blobs_(blobs), trash_(trash) {}

  // Does reviews that are due, at most `reviews_max`, and frees what they found dead. How many were due; 0 if
  // there is nothing to do now, or if another thread is at it.
  [[nodiscard]] Result<size_t> collect(size_t reviews_max);
  // One review; what it found dead is in the trash. Whether it may have made room: false if it was postponed.
  [[nodiscard]] Result<bool> review(const Review& review, References::For purpose);
  // Deletes tags that the policies say go, of a few repositories; the next call goes on with the next ones.
  // How many.
  [[nodiscard]] Result<size_t> apply_retention();

  struct Collected {
    uint64_t manifests = 0, blobs = 0, bytes = 0, tags = 0;  // since the start
  };
  Collected collected() const;
  void count_tag() { ++tags_; }

 private:
  Result<size_t> collect_behind(std::optional<Review>& position, size_t reviews_max);
  Result<std::vector<Review>> delete_repeated(const std::vector<Review>& reviews);
  Result<size_t> apply_retention(const std::string& route, std::string& position);
  Result<size_t> expire(const RepositoryKey& repository, const std::vector<ExpiredTag>& tags);

  const Parts parts_;
  Blobs& blobs_;
  Trash& trash_;
  Mutex mutex_;  // never held over any work
  bool is_collecting_ GUARDED_BY(mutex_) = false;
  std::optional<Review> reviewed_to_ GUARDED_BY(mutex_);  // where the pass of collect() goes on
  // By route: the repository behind which apply_retention() goes on.
  std::map<std::string, std::string> retention_at_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> manifests_ = 0, blobs_total_ = 0, bytes_ = 0, tags_ = 0;
};

}  // namespace breakwater::store
