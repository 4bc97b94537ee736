// The partial blobs that no writer is open on: what fills and uploads have left under incoming/. The Budget
// counts the bytes of each for its route, until the partial is claimed (to be resumed), deleted, or evicted.
//
// May block; any thread. A claim of a partial that is just being evicted waits until the eviction has ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

struct IdlePartial {
  std::string route;   // on whose account it is
  uint64_t bytes = 0;  // its size
  Time modified{};
  // Left by a push that was refused, and whose client may never come back: the first to go when its route
  // needs room.
  bool is_abandoned = false;
};

class IdlePartials {
 public:
  explicit IdlePartials(const Parts& parts) : parts_(parts) {}

  // Adds a partial whose bytes the Budget already counts as stored for its route.
  void add(const std::string& id, const IdlePartial& partial);
  // Removes the partial from here and hands it to the caller. The Budget still counts the bytes as stored for
  // the partial's route: the caller turns them into a reservation (Budget::reclaim). Empty if it is not here.
  std::optional<IdlePartial> claim(const std::string& id);
  std::optional<IdlePartial> find(const std::string& id) const;
  std::vector<std::pair<std::string, IdlePartial>> list() const;
  // How many there are of each route, and what they take of the disk. Short: for who asks often.
  struct Sum {
    uint64_t partials = 0;
    uint64_t bytes = 0;
  };
  std::map<std::string, Sum> sums() const;

  // Deletes the file and the upload record of a partial, and gives its bytes back. Nothing happens if it is
  // not here.
  [[nodiscard]] Result<> evict(const std::string& id);
  // Waits for the evictions that other threads have begun: what they give back is free then.
  void wait_for_evictions();
  // Deletes the upload record of a partial that is gone. A failure is only logged, because the next start
  // finds the record without a file.
  void delete_record(const std::string& id);

 private:
  struct Entry {
    IdlePartial partial;
    bool is_going = false;
  };

  const Parts parts_;
  mutable Mutex mutex_;
  Condition evicted_;
  std::map<std::string, Entry> partials_ GUARDED_BY(mutex_);  // by id
  uint64_t evictions_begun_ GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> evictions_ GUARDED_BY(mutex_);  // those that have not ended, by when they began
};

}  // namespace breakwater::store
