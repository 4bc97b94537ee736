#include "store/history/heavy_hitters.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace breakwater::store {

void merge(HeavyTable& into, const HeavyTable& more, size_t entries_max) {
  std::unordered_map<std::string_view, const HeavyHitter*> added;
  for (const HeavyHitter& entry : more.entries) added.emplace(entry.key, &entry);
  // Whoever is in one table alone may have had its floor in the other.
  for (HeavyHitter& entry : into.entries) {
    const auto found = added.find(entry.key);
    if (found == added.end()) {
      entry.weight += more.floor;
      entry.error += more.floor;
      continue;
    }
    entry.weight += found->second->weight;
    entry.error += found->second->error;
    entry.load += found->second->load;
    added.erase(found);
  }
  for (const HeavyHitter& entry : more.entries) {
    if (!added.contains(entry.key)) continue;
    into.entries.push_back(entry);
    into.entries.back().weight += into.floor;
    into.entries.back().error += into.floor;
  }
  into.floor += more.floor;
  std::sort(into.entries.begin(), into.entries.end(), [](const HeavyHitter& a, const HeavyHitter& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.key < b.key;
  });
  if (into.entries.size() <= entries_max) return;
  into.floor = std::max(into.floor, into.entries[entries_max].weight);
  into.entries.resize(entries_max);
}

void erase_beginning(HeavyTable& table, std::string_view prefix) {
  std::erase_if(table.entries, [prefix](const HeavyHitter& entry) { return entry.key.starts_with(prefix); });
}

}  // namespace breakwater::store
