#include "store/upkeep/vain_search.h"

#include <algorithm>
#include <utility>

namespace breakwater::store {

void VainSearch::note(Left left, Now now) { last_ = Search{std::move(left), std::move(now)}; }

const VainSearch::Left* VainSearch::find(const std::string& route, const Budget::Shortage& needed,
                                         const Now& now) {
  if (!last_ || last_->then.pins != now.pins || now.at - last_->then.at >= kVainFor) return nullptr;
  uint64_t of_route = 0, of_all = 0;
  for (const auto& [name, taken] : now.taken) {
    // What has gone leaves its place to what comes.
    uint64_t& then = last_->then.taken[name];
    then = std::min(then, taken);
    const auto found = last_->left.evictable.find(name);
    const uint64_t left = (found == last_->left.evictable.end() ? 0 : found->second) + (taken - then);
    of_all += left;
    if (name == route) of_route = left;
  }
  return needed.route > of_route || needed.whole > of_all ? &last_->left : nullptr;
}

}  // namespace breakwater::store
