// What the catalog keeps of the store itself, from one start to the next. May block; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Database;

class CatalogState {
 public:
  explicit CatalogState(Database& database) : database_(database) {}

  // The mark of a clean stop: set last by an orderly end, removed by a start before it changes anything.
  [[nodiscard]] Result<bool> clean() const;
  [[nodiscard]] Result<> set_clean(bool clean);

  // What the next start must know of leases, after a clean stop only; taking them removes them.
  [[nodiscard]] Result<> set_leases(const SavedLeases&);
  [[nodiscard]] Result<std::optional<SavedLeases>> take_leases();

  // The routes that were mirrors at the last start, or before and have not become registries: what is theirs
  // can be fetched again.
  [[nodiscard]] Result<std::vector<std::string>> mirrors() const;
  [[nodiscard]] Result<> set_mirrors(const std::vector<std::string>& routes);

  // How far the scrub is.
  [[nodiscard]] Result<std::optional<ScrubRecord>> scrub() const;
  [[nodiscard]] Result<> set_scrub(const ScrubRecord&);

 private:
  Database& database_;
};

}  // namespace breakwater::store
