#include "store/catalog/catalog_state.h"

#include <rocksdb/write_batch.h>

#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {

Result<bool> CatalogState::clean() const { return database_.has(kCleanKey); }

Result<> CatalogState::set_clean(bool clean) {
  rocksdb::WriteBatch batch;
  if (clean) {
    batch.Put(kCleanKey, rocksdb::Slice());
  } else {
    batch.Delete(kCleanKey);
  }
  return database_.apply(batch, Durability::synced);
}

Result<> CatalogState::set_leases(const SavedLeases& saved) {
  rocksdb::WriteBatch writes;
  writes.Put(kLeasesKey, encode(LeaseRecord{saved.others_until, {}, 0}));
  for (const NamedLease& lease : saved.leases) writes.Put(lease_key(lease.digest), encode(lease.record));
  return database_.apply(writes, Durability::buffered);
}

Result<std::optional<SavedLeases>> CatalogState::take_leases() {
  const auto others = database_.get<LeaseRecord>(kLeasesKey, Reach::disk);
  if (!others) return failure(others.error());
  if (!*others) return std::nullopt;
  SavedLeases saved{(*others)->read, {}};
  // What cannot be understood goes as well, so that the next start is not held up by it.
  std::optional<Error> malformed;
  rocksdb::WriteBatch writes;
  writes.Delete(kLeasesKey);
  auto scanned = database_.scan(kLeases, [&](std::string_view key, std::string_view value) -> Result<bool> {
    writes.Delete(key);
    KeyReader in(key, 1);
    const Digest digest = in.digest();
    const auto record = in.failed() ? malformed_key() : decode<LeaseRecord>(value);
    if (!record) malformed = record.error();
    if (record) saved.leases.push_back({digest, *record});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  // On a full disk the leases stay in the catalog. They do no harm, because leases count only after a clean
  // stop.
  if (auto taken = database_.apply(writes, Durability::buffered);
      !taken && taken.error().kind != Error::Kind::full)
    return failure(taken.error());
  if (malformed) return failure(*std::move(malformed));
  return saved;
}

Result<std::vector<std::string>> CatalogState::mirrors() const {
  std::vector<std::string> routes;
  auto scanned = database_.scan(kMirrorKey, [&](std::string_view key, std::string_view) -> Result<bool> {
    routes.emplace_back(key.substr(std::string_view(kMirrorKey).size()));
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return routes;
}

Result<> CatalogState::set_mirrors(const std::vector<std::string>& routes) {
  const auto before = mirrors();
  if (!before) return failure(before.error());
  rocksdb::WriteBatch writes;
  for (const std::string& route : *before) writes.Delete(kMirrorKey + route);
  for (const std::string& route : routes) writes.Put(kMirrorKey + route, rocksdb::Slice());
  return database_.apply(writes, Durability::buffered);
}

Result<std::optional<std::string>> CatalogState::folder_id() const {
  std::optional<std::string> id;
  auto scanned = database_.scan(kFolderKey, [&](std::string_view, std::string_view value) -> Result<bool> {
    id = value;
    return false;
  });
  if (!scanned) return failure(scanned.error());
  return id;
}

Result<> CatalogState::set_folder_id(const std::string& id) {
  rocksdb::WriteBatch batch;
  batch.Put(kFolderKey, id);
  return database_.apply(batch, Durability::synced);
}

Result<std::optional<ClockRecord>> CatalogState::clock() const {
  return database_.get<ClockRecord>(kClockKey, Reach::disk);
}

Result<> CatalogState::set_clock(const ClockRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(kClockKey, encode(record));
  return database_.apply(batch, Durability::buffered);
}

Result<std::optional<ScrubRecord>> CatalogState::scrub() const {
  return database_.get<ScrubRecord>(kScrubKey, Reach::disk);
}

Result<> CatalogState::set_scrub(const ScrubRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(kScrubKey, encode(record));
  return database_.apply(batch, Durability::buffered);
}

Result<std::optional<BackupRecord>> CatalogState::backup() const {
  return database_.get<BackupRecord>(kBackupKey, Reach::disk);
}

Result<> CatalogState::set_backup(const BackupRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(kBackupKey, encode(record));
  return database_.apply(batch, Durability::buffered);
}

Result<std::vector<std::pair<PinKey, PinRecord>>> CatalogState::pins() const {
  std::vector<std::pair<PinKey, PinRecord>> pins;
  auto scanned = database_.scan(kPins, [&](std::string_view key, std::string_view value) -> Result<bool> {
    KeyReader in(key, 1);
    PinKey pin{in.name(), in.name(), in.name(), {}};
    if (in.failed()) return malformed_key();
    pin.digest = in.rest();
    const auto record = decode<PinRecord>(value);
    if (!record) return failure(record.error());
    pins.emplace_back(std::move(pin), *record);
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return pins;
}

Result<std::vector<std::pair<Digest, TokenRecord>>> CatalogState::tokens() const {
  std::vector<std::pair<Digest, TokenRecord>> tokens;
  auto scanned = database_.scan(kTokens, [&](std::string_view key, std::string_view value) -> Result<bool> {
    KeyReader in(key, 1);
    const Digest secret = in.digest();
    if (in.failed()) return malformed_key();
    auto record = decode<TokenRecord>(value);
    if (!record) return failure(record.error());
    tokens.emplace_back(secret, *std::move(record));
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return tokens;
}

}  // namespace breakwater::store
