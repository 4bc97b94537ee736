#include "store/capacity/eviction.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace breakwater::store {
namespace {

uint64_t less(uint64_t needed, uint64_t bytes) { return needed - std::min(needed, bytes); }

std::vector<size_t> in_order_of_leaving(std::span<const EvictionCandidate> candidates) {
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(candidates[a].kind, candidates[a].used_at) <
           std::tie(candidates[b].kind, candidates[b].used_at);
  });
  return order;
}

}  // namespace

std::vector<size_t> choose_evictions(std::span<const EvictionCandidate> candidates, const std::string& route,
                                     Budget::Shortage needed) {
  const std::vector<size_t> order = in_order_of_leaving(candidates);
  std::vector<size_t> chosen;
  std::vector<bool> taken(candidates.size());
  const auto take = [&](size_t index) {
    chosen.push_back(index);
    taken[index] = true;
    needed.whole = less(needed.whole, candidates[index].bytes);
  };
  for (const size_t index : order) {
    if (needed.route == 0) break;
    const EvictionCandidate& candidate = candidates[index];
    if (candidate.pinned || candidate.route != route) continue;
    take(index);
    needed.route = less(needed.route, candidate.bytes);
  }
  for (const size_t index : order) {
    if (needed.whole == 0) break;
    if (!candidates[index].pinned && !taken[index]) take(index);
  }
  if (needed.route > 0 || needed.whole > 0) return {};
  return chosen;
}

}  // namespace breakwater::store
