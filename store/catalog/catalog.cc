#include "store/catalog/catalog.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "store/catalog/batch_impl.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_history.h"
#include "store/catalog/catalog_holders.h"
#include "store/catalog/catalog_keys.h"
#include "store/catalog/catalog_queues.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/catalog/database.h"

namespace breakwater::store {
Catalog::Catalog(std::unique_ptr<Database> database)
    : database_(std::move(database)),
      by_digest_(std::make_unique<CatalogByDigest>(*database_)),
      holders_(std::make_unique<CatalogHolders>(*database_)),
      queues_(std::make_unique<CatalogQueues>(*database_)),
      walk_(std::make_unique<CatalogWalk>(*database_)),
      past_(std::make_unique<CatalogHistory>(*database_)),
      state_(std::make_unique<CatalogState>(*database_)) {}
Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(Disk& disk, const std::filesystem::path& path,
                                               uint64_t cache_bytes, Log* log, int files_max) {
  auto database = Database::open(disk, path, cache_bytes, log, files_max);
  if (!database) return failure(database.error());
  return std::unique_ptr<Catalog>(new Catalog(*std::move(database)));
}

Result<std::unique_ptr<Catalog>> Catalog::open_to_read(Disk& disk, const std::filesystem::path& path,
                                                       uint64_t cache_bytes) {
  auto database = Database::open_to_read(disk, path, cache_bytes);
  if (!database) return failure(database.error());
  return std::unique_ptr<Catalog>(new Catalog(*std::move(database)));
}

Result<> Catalog::write(Batch batch, Durability durability) {
  auto written = database_->apply(batch.impl_->writes, durability);
  if (batch.impl_->changes_needs) ++need_changes_;
  return written;
}

// By an empty batch rather than DB::SyncWAL(), which ends the process when the log breaks off beside it (see
// Database).
Result<> Catalog::sync() {
  rocksdb::WriteBatch none;
  return database_->apply(none, Durability::synced);
}

// --- single records

Result<std::optional<TagRecord>> Catalog::tag(const RepositoryKey& repository, const std::string& tag,
                                              Reach reach) const {
  return database_->get<TagRecord>(tag_key(repository, tag), reach);
}
Result<std::optional<TagHistoryRecord>> Catalog::history(const RepositoryKey& repository,
                                                         const std::string& tag, Reach reach) const {
  return database_->get<TagHistoryRecord>(history_key(repository, tag), reach);
}
Result<std::optional<ManifestRecord>> Catalog::manifest(const RepositoryKey& repository, const Digest& digest,
                                                        Reach reach) const {
  return database_->get<ManifestRecord>(manifest_key(repository, digest), reach);
}
Result<bool> Catalog::has_link(const Digest& blob, const RepositoryKey& repository, Reach reach) const {
  const auto link = database_->get<LinkRecord>(link_key(blob, repository), reach);
  if (!link) return failure(link.error());
  return link->has_value();
}
Result<std::optional<BlobRecord>> Catalog::blob(const Digest& digest, Reach reach) const {
  return database_->get<BlobRecord>(blob_key(digest), reach);
}
Result<std::optional<UploadRecord>> Catalog::upload(const std::string& id, Reach reach) const {
  return database_->get<UploadRecord>(upload_key(id), reach);
}
Result<std::optional<EdgeRecord>> Catalog::edge(const Digest& child, const RepositoryKey& repository,
                                                const Digest& parent) const {
  return database_->get<EdgeRecord>(edge_key(child, repository, parent), Reach::disk);
}

Result<std::optional<Parent>> Catalog::parent_in(const Digest& child, const RepositoryKey& repository,
                                                 Reach reach) const {
  const std::string prefix = edge_prefix(child, repository);
  std::optional<Parent> parent;
  auto scanned = database_->scan(prefix, prefix, reach,
                                 [&](std::string_view key, std::string_view value) -> Result<bool> {
                                   KeyReader in(key, prefix.size());
                                   const Digest digest = in.digest();
                                   if (in.failed()) return malformed_key();
                                   auto edge = decode<EdgeRecord>(value);
                                   if (!edge) return failure(edge.error());
                                   parent = Parent{repository, digest, *std::move(edge)};
                                   return false;
                                 });
  if (!scanned) return failure(scanned.error());
  return parent;
}

Result<bool> Catalog::has_other_parent(const Digest& child, const RepositoryKey& repository,
                                       std::span<const Digest> parents) const {
  const std::string prefix = edge_prefix(child, repository);
  bool found = false;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    found = !std::binary_search(parents.begin(), parents.end(), digest);
    return !found;
  });
  if (!scanned) return failure(scanned.error());
  return found;
}

Result<std::vector<Digest>> Catalog::parents_in(const Digest& child, const RepositoryKey& repository,
                                                const std::optional<Digest>& last, size_t limit) const {
  const std::string prefix = edge_prefix(child, repository);
  std::vector<Digest> parents;
  const std::string from = last ? edge_key(child, repository, *last) : prefix;
  auto scanned =
      database_->scan(prefix, from, Reach::disk, [&](std::string_view key, std::string_view) -> Result<bool> {
        KeyReader in(key, prefix.size());
        const Digest parent = in.digest();
        if (in.failed()) return malformed_key();
        if (last && parent == *last) return true;
        parents.push_back(parent);
        return parents.size() < limit;
      });
  if (!scanned) return failure(scanned.error());
  return parents;
}

// --- scans

Result<std::vector<NamedTag>> Catalog::tags(const RepositoryKey& repository, const std::string& last,
                                            size_t limit) const {
  const std::string prefix = tag_prefix(repository);
  std::vector<NamedTag> tags;
  if (limit == 0) return tags;
  auto scanned = database_->scan(prefix, prefix + last, Reach::disk,
                                 [&](std::string_view key, std::string_view value) -> Result<bool> {
                                   std::string tag = KeyReader(key, prefix.size()).rest();
                                   if (!last.empty() && tag == last) return true;
                                   auto record = decode<TagRecord>(value);
                                   if (!record) return failure(record.error());
                                   tags.push_back({std::move(tag), *std::move(record)});
                                   return tags.size() < limit;
                                 });
  if (!scanned) return failure(scanned.error());
  return tags;
}

Result<std::vector<std::string>> Catalog::tags_of(const RepositoryKey& repository,
                                                  const Digest& digest) const {
  const std::string prefix = tag_of_prefix(repository, digest);
  std::vector<std::string> tags;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    tags.push_back(KeyReader(key, prefix.size()).rest());
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return tags;
}

Result<bool> Catalog::has_manifests(const RepositoryKey& repository) const {
  bool found = false;
  auto scanned =
      database_->scan(manifest_prefix(repository), [&](std::string_view, std::string_view) -> Result<bool> {
        found = true;
        return false;
      });
  if (!scanned) return failure(scanned.error());
  return found;
}

Result<std::optional<Digest>> Catalog::manifest_beginning(const RepositoryKey& repository,
                                                          Algorithm algorithm, const std::string& hex) const {
  // The least of the digests that begin so; the next one that is there either begins so too, or none does.
  const size_t digits = algorithm == Algorithm::sha256 ? 64 : 128;
  const auto least = Digest::parse(std::string(name_of(algorithm)) + ":" + hex +
                                   std::string(digits - std::min(digits, hex.size()), '0'));
  if (!least) return failure(least.error());
  const std::string prefix = manifest_prefix(repository);
  std::optional<Digest> found;
  auto scanned = database_->scan(prefix, manifest_key(repository, *least), Reach::disk,
                                 [&](std::string_view key, std::string_view) -> Result<bool> {
                                   KeyReader in(key, prefix.size());
                                   const Digest digest = in.digest();
                                   if (in.failed()) return malformed_key();
                                   if (digest.algorithm() == algorithm && digest.hex().starts_with(hex))
                                     found = digest;
                                   return false;
                                 });
  if (!scanned) return failure(scanned.error());
  return found;
}

Result<std::vector<std::string>> Catalog::routes() const {
  std::vector<std::string> names;
  auto leapt = database_->leap(kManifests, kManifests, [&](std::string_view key) -> Result<std::string> {
    KeyReader in(key, 1);
    names.push_back(in.name());
    if (in.failed()) return malformed_key();
    return behind_name(repository_prefix(names.back()));
  });
  if (!leapt) return failure(leapt.error());
  return names;
}

Result<std::vector<std::string>> Catalog::repositories(const std::string& route, const std::string& last,
                                                       size_t limit) const {
  const std::string prefix = repository_prefix(route);
  const auto behind = [&](const std::string& name) { return behind_name(prefix + name + '\0'); };
  std::vector<std::string> names;
  if (limit == 0) return names;
  auto leapt = database_->leap(prefix, last.empty() ? prefix : behind(last),
                               [&](std::string_view key) -> Result<std::string> {
                                 KeyReader in(key, prefix.size());
                                 names.push_back(in.name());
                                 if (in.failed()) return malformed_key();
                                 return names.size() < limit ? behind(names.back()) : "";
                               });
  if (!leapt) return failure(leapt.error());
  return names;
}

Result<std::vector<NamedReferrer>> Catalog::referrers(const RepositoryKey& repository, const Digest& subject,
                                                      const std::optional<Digest>& last, size_t limit,
                                                      uint64_t bytes_max) const {
  const std::string prefix = referrer_prefix(repository, subject);
  std::vector<NamedReferrer> referrers;
  uint64_t bytes = 0;
  if (limit == 0) return referrers;
  const std::string from = last ? referrer_key(repository, subject, *last) : prefix;
  auto scanned = database_->scan(prefix, from, Reach::disk,
                                 [&](std::string_view key, std::string_view value) -> Result<bool> {
                                   KeyReader in(key, prefix.size());
                                   const Digest digest = in.digest();
                                   if (in.failed()) return malformed_key();
                                   if (last && digest == *last) return true;
                                   auto record = decode<ReferrerRecord>(value);
                                   if (!record) return failure(record.error());
                                   bytes += record->descriptor.size();
                                   referrers.push_back({digest, *std::move(record)});
                                   return referrers.size() < limit && bytes < bytes_max;
                                 });
  if (!scanned) return failure(scanned.error());
  return referrers;
}

Result<std::vector<Digest>> Catalog::referrer_digests(const RepositoryKey& repository, const Digest& subject,
                                                      const std::optional<Digest>& last, size_t limit) const {
  const std::string prefix = referrer_prefix(repository, subject);
  std::vector<Digest> digests;
  if (limit == 0) return digests;
  const std::string from = last ? referrer_key(repository, subject, *last) : prefix;
  auto scanned =
      database_->scan(prefix, from, Reach::disk, [&](std::string_view key, std::string_view) -> Result<bool> {
        KeyReader in(key, prefix.size());
        const Digest digest = in.digest();
        if (in.failed()) return malformed_key();
        if (last && digest == *last) return true;
        digests.push_back(digest);
        return digests.size() < limit;
      });
  if (!scanned) return failure(scanned.error());
  return digests;
}

Result<std::string> Catalog::whole_descriptor(const RepositoryKey& repository, const Digest& subject,
                                              const NamedReferrer& referrer) const {
  if (referrer.record.whole_bytes == 0) return referrer.record.descriptor;
  auto whole =
      database_->get<ReferrerRecord>(whole_referrer_key(repository, subject, referrer.digest), Reach::disk);
  if (!whole) return failure(whole.error());
  return *whole ? std::move((*whole)->descriptor) : std::string();
}

Result<std::map<Digest, Digest>> Catalog::subjects_in(const RepositoryKey& repository) const {
  const std::string prefix = referrers_prefix(repository);
  std::map<Digest, Digest> subjects;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    const Digest subject = in.digest();
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    subjects.emplace(digest, subject);
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return subjects;
}

Result<std::vector<Digest>> Catalog::children(const RepositoryKey& repository, const Digest& parent) const {
  const std::string prefix = child_prefix(repository, parent);
  std::vector<Digest> children;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    children.push_back(in.digest());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return children;
}

uint64_t Catalog::disk_bytes() const { return database_->disk_bytes(); }
bool Catalog::log_was_broken() const { return database_->log_was_broken(); }
bool Catalog::may_differ() const { return database_->was_opened_anew() || log_was_broken(); }
std::string Catalog::why_not_writable() const { return database_->why_not_writable(); }
Result<> Catalog::checkpoint(const std::filesystem::path& to) const { return database_->checkpoint(to); }
Result<> Catalog::flush() { return database_->flush(); }

}  // namespace breakwater::store
