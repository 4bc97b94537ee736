// The last events, in memory, for who looks on. May be called from any thread; never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "store/base/mutex.h"
#include "store/catalog/event_record.h"

namespace breakwater::routes {

class EventRing {
 public:
  explicit EventRing(size_t events_max = 1000) : events_max_(events_max) {}

  void add(const std::vector<store::Event>& events);

  struct Page {
    std::vector<store::Event> events;
    uint64_t next = 0;    // what to ask `after` to go on
    uint64_t missed = 0;  // were behind that number, and are not in the ring any more
  };
  // At most `limit` behind `number`, the oldest first. Numbers begin with 1 at each start; one that has not
  // come yet is of before.
  Page after(uint64_t number, size_t limit) const;
  uint64_t newest() const;  // 0 if there is none

 private:
  const size_t events_max_;
  mutable store::Mutex mutex_;
  std::deque<store::Event> events_ GUARDED_BY(mutex_);
  uint64_t newest_ GUARDED_BY(mutex_) = 0;
};

}  // namespace breakwater::routes
