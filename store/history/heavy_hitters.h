// The heaviest of many keys, in a table of fixed size: Space-Saving (Metwally, Agrawal, El Abbadi 2005), fed
// with batches by the merge of "Mergeable Summaries" (Agarwal and others 2012).
//
//   merge(day, minute, kHeavyMax);   // both HeavyTable, of one weight
//
// Of a table that has taken in the weight W and has places for k: whoever has more than W / (k + 1) is in it,
// and no weight that it tells is too high by more than that, nor ever too low. `floor` and `error` tell how
// much it is at most in this table. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "store/catalog/history_records.h"

namespace breakwater::store {

// So the tables of a day know everybody who had 1 % of the day.
inline constexpr size_t kHeavyMax = 100;

// Adds what `more` has, and keeps the `entries_max` heaviest.
void merge(HeavyTable& into, const HeavyTable& more, size_t entries_max);

// Takes out those whose key begins with `prefix`.
void erase_beginning(HeavyTable& table, std::string_view prefix);

}  // namespace breakwater::store
