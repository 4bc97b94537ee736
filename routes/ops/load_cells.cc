#include "routes/ops/load_cells.h"

#include <functional>

namespace breakwater::routes {

store::Load* LoadCells::find(uint32_t owner, std::string_view name) {
  const uint64_t hash = std::hash<std::string_view>()(name) + uint64_t{owner} * 0x9e3779b97f4a7c15;
  for (size_t slot = hash % kSlots;; slot = (slot + 1) % kSlots) {
    if (slots_[slot] == 0) {
      if (cells_.size() == kCellsMax) return nullptr;
      cells_.push_back({hash, owner, std::string(name), {}});
      slots_[slot] = static_cast<uint16_t>(cells_.size());
      return &cells_.back().load;
    }
    Cell& cell = cells_[slots_[slot] - 1U];
    if (cell.hash == hash && cell.owner == owner && cell.name == name) return &cell.load;
  }
}

void LoadCells::clear() {
  cells_.clear();
  slots_.fill(0);
}

}  // namespace breakwater::routes
