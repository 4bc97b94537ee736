// Counts what each of many names causes, for as long as there are places: found by one hash, without a copy
// of the name but for the first time. History empties it into tables of the heaviest. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/catalog/history_records.h"

namespace breakwater::routes {

class LoadCells {
 public:
  static constexpr size_t kCellsMax = 512;

  struct Cell {
    uint64_t hash = 0;
    uint32_t owner = 0;
    std::string name;
    store::Load load;
  };

  // The load of `name`, which belongs to `owner`; null if it is new and there is no place for it. Valid until
  // the next call.
  store::Load* find(uint32_t owner, std::string_view name);
  const std::vector<Cell>& cells() const { return cells_; }
  void clear();

 private:
  static constexpr size_t kSlots = 2 * kCellsMax;  // so that one is always free

  std::vector<Cell> cells_;
  std::array<uint16_t, kSlots> slots_{};  // 0, or one more than the cell's index
};

}  // namespace breakwater::routes
