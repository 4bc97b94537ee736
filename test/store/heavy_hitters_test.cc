// The heaviest of many: who is in the table for certain, and how wrong its weights are at most.
#include "store/history/heavy_hitters.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "test/catch.h"

namespace breakwater::store {
namespace {

HeavyTable table_of(const std::map<std::string, uint64_t>& weights) {
  HeavyTable table;
  for (const auto& [key, weight] : weights) table.entries.push_back({key, {weight, 0, 0, 0}, weight, 0});
  return table;
}

const HeavyHitter* find(const HeavyTable& table, const std::string& key) {
  const auto found = std::find_if(table.entries.begin(), table.entries.end(),
                                  [&key](const HeavyHitter& entry) { return entry.key == key; });
  return found == table.entries.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("as long as there are places, every weight is exact and the heaviest is the first") {
  HeavyTable day;
  merge(day, table_of({{"a", 1}, {"b", 5}}), 4);
  merge(day, table_of({{"a", 9}, {"c", 2}}), 4);
  REQUIRE(day.entries.size() == 3);
  CHECK(day.entries[0].key == "a");
  CHECK(day.entries[0].weight == 10);
  CHECK(day.entries[0].load.requests == 10);
  CHECK(day.entries[1].key == "b");
  CHECK(day.entries[2].weight == 2);
  CHECK(day.floor == 0);
}

TEST_CASE("whoever has more than its share is in the table, and no weight is too low, nor too high by more") {
  constexpr size_t kPlaces = 9;
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  // The last is the worst case: everybody comes once, and none comes again.
  const bool is_flat = seed == 4;
  std::mt19937 random(seed);
  std::map<std::string, uint64_t> exact;
  uint64_t whole = 0;
  HeavyTable day;
  for (int minute = 0; minute < 200; ++minute) {
    std::map<std::string, uint64_t> weights;
    for (int i = 0; i < 50; ++i) {
      // Few are heavy: key n comes the more seldom the higher n is.
      const auto key = is_flat ? minute * 50 + i : static_cast<int>(1000 / (1 + random() % 1000));
      weights[std::to_string(key)] += 1 + (is_flat ? 0 : random() % 100);
    }
    HeavyTable of_minute;
    merge(of_minute, table_of(weights), minute % 2 == 0 ? 100 : 20);  // of one that is full, too
    for (const auto& [key, weight] : weights) {
      exact[key] += weight;
      whole += weight;
    }
    merge(day, of_minute, kPlaces);
  }
  const uint64_t share = whole / (kPlaces + 1);
  CHECK(day.entries.size() == kPlaces);
  CHECK(day.floor <= share);
  for (const auto& [key, weight] : exact) {
    const HeavyHitter* entry = find(day, key);
    if (weight > share) CHECK(entry != nullptr);
    if (entry == nullptr) {
      CHECK(weight <= day.floor);
      continue;
    }
    CHECK(entry->weight >= weight);
    CHECK(entry->weight - weight <= entry->error);
    CHECK(entry->error <= share);
    CHECK(entry->load.requests <= weight);
  }
}

TEST_CASE("what is taken out by its beginning is out, and the others stay") {
  HeavyTable table = table_of({{std::string("old\0a", 5), 1}, {std::string("older\0a", 7), 1}});
  erase_beginning(table, std::string_view("old\0", 4));
  REQUIRE(table.entries.size() == 1);
  CHECK(table.entries[0].key == std::string("older\0a", 7));
}

}  // namespace breakwater::store
