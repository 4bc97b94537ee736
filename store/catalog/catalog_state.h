// What the catalog keeps of the store itself, from one start to the next. May block; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/catalog_events.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Database;

class CatalogState {
 public:
  explicit CatalogState(Database& database) : database_(database) {}

  // The catalog's mark of a clean stop. An orderly stop sets it just before the file of CleanMark, and a
  // start removes it just after that file. A stop was clean only if both marks are there.
  [[nodiscard]] Result<bool> clean() const;
  [[nodiscard]] Result<> set_clean(bool clean);

  // The leases that an orderly stop saves for the next start. take_leases() reads and removes them; after any
  // other stop they do not count.
  [[nodiscard]] Result<> set_leases(const SavedLeases&);
  [[nodiscard]] Result<std::optional<SavedLeases>> take_leases();

  // The routes that have ever been mirrors and have not become registries since: their content can be fetched
  // again, even if the settings no longer name the route.
  [[nodiscard]] Result<std::vector<std::string>> mirrors() const;
  [[nodiscard]] Result<> set_mirrors(const std::vector<std::string>& routes);

  // What has happened, for who wants to hear of it.
  CatalogEvents events() { return CatalogEvents(database_); }

  // The id of the data folder that the catalog belongs to, as its format file has it. set_folder_id() syncs.
  [[nodiscard]] Result<std::optional<std::string>> folder_id() const;
  [[nodiscard]] Result<> set_folder_id(const std::string& id);

  // What the operator wants kept, in the order of the keys.
  [[nodiscard]] Result<std::vector<std::pair<PinKey, PinRecord>>> pins() const;

  // The access tokens, by the digests of their texts.
  [[nodiscard]] Result<std::vector<std::pair<Digest, TokenRecord>>> tokens() const;

  // Where the store's clock is.
  [[nodiscard]] Result<std::optional<ClockRecord>> clock() const;
  [[nodiscard]] Result<> set_clock(const ClockRecord&);

  // How far the scrub is.
  [[nodiscard]] Result<std::optional<ScrubRecord>> scrub() const;
  [[nodiscard]] Result<> set_scrub(const ScrubRecord&);

  // The last backup.
  [[nodiscard]] Result<std::optional<BackupRecord>> backup() const;
  [[nodiscard]] Result<> set_backup(const BackupRecord&);

 private:
  Database& database_;
};

}  // namespace breakwater::store
