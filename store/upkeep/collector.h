// The Collector is the garbage collector. It works off the review queue, and deletes tags that have expired
// by their retention policy.
//
// There is no mark phase. Whatever deletes a reference queues a review of the digest that was referred to, in
// the same batch. A review finds out whether anything still needs the digest or a lease protects it, and
// deletes what is dead, in one transaction (References::review). What that leaves without a reference is
// queued in turn. A review stays in the catalog until it is done, so a stop at any moment loses none.
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

  // Does at most `reviews_max` reviews that are due, and empties the trash. Returns how many reviews were
  // taken from the queue: 0 if none is due, or if another thread is collecting.
  [[nodiscard]] Result<size_t> collect(size_t reviews_max);
  // Does one review, and leaves what is dead in the trash. False if the review was postponed, because of a
  // lease.
  [[nodiscard]] Result<bool> review(const Review& review, References::For purpose);
  // Deletes tags that the policies say go, of a few repositories; the next call goes on with the next ones.
  // How many.
  [[nodiscard]] Result<size_t> apply_retention();

  struct Collected {
    uint64_t manifests = 0, blobs = 0, bytes = 0, tags = 0;  // since the start
  };
  Collected collected() const;
  void count_tag() { ++tags_; }  // one more tag was deleted, by retention or for room

 private:
  class Step;
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
