#include "routes/access/strikes.h"

#include <algorithm>

namespace breakwater::routes {

uint64_t Strikes::of(uint64_t client) const {
  const auto found = counts_.find(client);
  const bool counts = found != counts_.end() && clock_.now() < found->second.since + kFor;
  return counts ? found->second.strikes : 0;
}

uint64_t Strikes::add(uint64_t client) {
  const auto now = clock_.now();
  if (of(client) == 0) {
    counts_.erase(client);
    make_room(now);
    counts_[client].since = now;
  }
  return ++counts_[client].strikes;
}

void Strikes::make_room(store::Time now) {
  if (counts_.size() < kClientsMax) return;
  std::erase_if(counts_, [now](const auto& one) { return now >= one.second.since + kFor; });
  if (counts_.size() < kClientsMax) return;
  counts_.erase(std::min_element(counts_.begin(), counts_.end(), [](const auto& a, const auto& b) {
    return a.second.since < b.second.since;
  }));
}

}  // namespace breakwater::routes
