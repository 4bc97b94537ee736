#include "routes/ops/event_ring.h"

#include <algorithm>

namespace breakwater::routes {

void EventRing::add(const std::vector<store::Event>& events) {
  const store::Lock lock(mutex_);
  for (const auto& event : events) {
    events_.push_back(event);
    if (events_.size() > events_max_) events_.pop_front();
    ++newest_;
  }
}

EventRing::Page EventRing::after(uint64_t number, size_t limit) const {
  const store::Lock lock(mutex_);
  Page page;
  if (number > newest_) number = 0;
  const uint64_t before = newest_ - events_.size();  // the newest that is gone
  page.missed = before > number ? before - number : 0;
  page.next = std::max(number, before);
  for (; page.next < newest_ && page.events.size() < limit; ++page.next)
    page.events.push_back(events_[page.next - before]);
  return page;
}

uint64_t EventRing::newest() const {
  const store::Lock lock(mutex_);
  return newest_;
}

}  // namespace breakwater::routes
