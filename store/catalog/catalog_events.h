// The catalog's queue of events, in the order of their numbers, and how far each reader is. Only EventQueue
// writes it. May block; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogEvents {
 public:
  explicit CatalogEvents(Database& database) : database_(database) {}

  struct Row {
    uint64_t number = 0;
    std::string value;
  };
  // One change: all of it is in the catalog, or nothing.
  struct Change {
    std::vector<Row> put;
    uint64_t delete_from = 0, delete_to = 0;       // rows of these numbers, both included; none if to is 0
    std::map<std::string, uint64_t> readers = {};  // how far they are from now on
    std::vector<std::string> forgotten = {};       // readers
  };
  [[nodiscard]] Result<> write(const Change& change, Durability durability);

  // Of rows behind `number`, in order, until it returns false.
  using Each = std::function<bool(uint64_t number, std::string_view value)>;
  [[nodiscard]] Result<> each_after(uint64_t number, const Each& each) const;
  [[nodiscard]] Result<std::map<std::string, uint64_t>> readers() const;

 private:
  Database& database_;
};

}  // namespace breakwater::store
