#include "store/catalog/catalog.h"

#include <rocksdb/write_batch.h>

#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {
namespace {

tl::unexpected<Error> malformed_key() {
  return failure(Error::Kind::corrupt, "a malformed key in the catalog");
}

// The first key behind all that begin with `prefix`, which ends with a name: the end of a name is a 0, and no
// name holds that.
std::string behind_name(std::string prefix) {
  prefix.back() = '\1';
  return prefix;
}

}  // namespace

Catalog::Catalog(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(Disk& disk, const std::filesystem::path& path,
                                               uint64_t cache_bytes, Log* log) {
  auto database = Database::open(disk, path, cache_bytes, log);
  if (!database) return failure(database.error());
  return std::unique_ptr<Catalog>(new Catalog(*std::move(database)));
}

Result<std::unique_ptr<Catalog>> Catalog::open_to_read(Disk& disk, const std::filesystem::path& path,
                                                       uint64_t cache_bytes) {
  auto database = Database::open_to_read(disk, path, cache_bytes);
  if (!database) return failure(database.error());
  return std::unique_ptr<Catalog>(new Catalog(*std::move(database)));
}

// --- Batch

struct Catalog::Batch::Impl {
  rocksdb::WriteBatch writes;
};

Catalog::Batch::Batch() : impl_(std::make_unique<Impl>()) {}
Catalog::Batch::~Batch() = default;
Catalog::Batch::Batch(Batch&&) noexcept = default;

void Catalog::Batch::put_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& record,
                             const std::optional<TagRecord>& previous) {
  if (previous) impl_->writes.Delete(tag_of_key(repository, previous->digest, tag));
  impl_->writes.Put(tag_key(repository, tag), encode(record));
  impl_->writes.Put(tag_of_key(repository, record.digest, tag), rocksdb::Slice());
}
void Catalog::Batch::remove_tag(const RepositoryKey& repository, const std::string& tag,
                                const TagRecord& previous) {
  impl_->writes.Delete(tag_of_key(repository, previous.digest, tag));
  impl_->writes.Delete(tag_key(repository, tag));
}

void Catalog::Batch::put_manifest(const RepositoryKey& repository, const Digest& digest,
                                  const ManifestRecord& record) {
  impl_->writes.Put(manifest_key(repository, digest), encode(record));
  impl_->writes.Put(manifest_of_key(digest, repository), rocksdb::Slice());
}
void Catalog::Batch::remove_manifest(const RepositoryKey& repository, const Digest& digest) {
  impl_->writes.Delete(manifest_key(repository, digest));
  impl_->writes.Delete(manifest_of_key(digest, repository));
}

void Catalog::Batch::put_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent,
                              const EdgeRecord& record) {
  impl_->writes.Put(edge_key(child, repository, parent), encode(record));
  impl_->writes.Put(child_key(repository, parent, child), rocksdb::Slice());
}
void Catalog::Batch::remove_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent) {
  impl_->writes.Delete(edge_key(child, repository, parent));
  impl_->writes.Delete(child_key(repository, parent, child));
}

void Catalog::Batch::put_referrer(const RepositoryKey& repository, const Digest& subject,
                                  const Digest& digest, const ReferrerRecord& record) {
  impl_->writes.Put(referrer_key(repository, subject, digest), encode(record));
}
void Catalog::Batch::remove_referrer(const RepositoryKey& repository, const Digest& subject,
                                     const Digest& digest) {
  impl_->writes.Delete(referrer_key(repository, subject, digest));
}

void Catalog::Batch::put_link(const Digest& blob, const RepositoryKey& repository, const LinkRecord& record) {
  impl_->writes.Put(link_key(blob, repository), encode(record));
}
void Catalog::Batch::remove_link(const Digest& blob, const RepositoryKey& repository) {
  impl_->writes.Delete(link_key(blob, repository));
}

void Catalog::Batch::put_upload(const std::string& id, const UploadRecord& record) {
  impl_->writes.Put(upload_key(id), encode(record));
}
void Catalog::Batch::remove_upload(const std::string& id) { impl_->writes.Delete(upload_key(id)); }

void Catalog::Batch::put_blob(const Digest& digest, const BlobRecord& record,
                              const std::optional<BlobRecord>& previous) {
  if (previous) impl_->writes.Delete(use_key(digest, *previous));
  impl_->writes.Put(blob_key(digest), encode(record));
  impl_->writes.Put(use_key(digest, record), rocksdb::Slice());
}
void Catalog::Batch::remove_blob(const Digest& digest, const BlobRecord& previous) {
  impl_->writes.Delete(use_key(digest, previous));
  impl_->writes.Delete(blob_key(digest));
}

void Catalog::Batch::put_look(Time due, const Digest& digest) {
  impl_->writes.Put(look_key(due, digest), rocksdb::Slice());
}
void Catalog::Batch::remove_look(Time due, const Digest& digest) {
  impl_->writes.Delete(look_key(due, digest));
}

bool Catalog::Batch::empty() const { return impl_->writes.Count() == 0; }

Result<> Catalog::write(Batch batch, Durability durability) {
  return database_->apply(batch.impl_->writes, durability);
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
Result<std::optional<ManifestRecord>> Catalog::manifest(const RepositoryKey& repository, const Digest& digest,
                                                        Reach reach) const {
  return database_->get<ManifestRecord>(manifest_key(repository, digest), reach);
}
Result<std::optional<LinkRecord>> Catalog::link(const Digest& blob, const RepositoryKey& repository,
                                                Reach reach) const {
  return database_->get<LinkRecord>(link_key(blob, repository), reach);
}
Result<std::optional<BlobRecord>> Catalog::blob(const Digest& digest, Reach reach) const {
  return database_->get<BlobRecord>(blob_key(digest), reach);
}
Result<std::optional<UploadRecord>> Catalog::upload(const std::string& id, Reach reach) const {
  return database_->get<UploadRecord>(upload_key(id), reach);
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

Result<std::vector<Parent>> Catalog::parents(const Digest& child) const {
  const std::string prefix = edge_prefix(child);
  std::vector<Parent> parents;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view value) -> Result<bool> {
    KeyReader in(key, prefix.size());
    RepositoryKey repository = in.repository();
    const Digest parent = in.digest();
    if (in.failed()) return malformed_key();
    auto edge = decode<EdgeRecord>(value);
    if (!edge) return failure(edge.error());
    parents.push_back({std::move(repository), parent, *std::move(edge)});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return parents;
}

Result<std::vector<RepositoryKey>> Catalog::repositories_naming(const Digest& child) const {
  const std::string prefix = edge_prefix(child);
  std::vector<RepositoryKey> repositories;
  auto leapt = database_->leap(prefix, prefix, [&](std::string_view key) -> Result<std::string> {
    KeyReader in(key, prefix.size());
    repositories.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return behind_name(edge_prefix(child, repositories.back()));
  });
  if (!leapt) return failure(leapt.error());
  return repositories;
}

Result<std::set<std::string>> Catalog::routes_of(const Digest& digest) const {
  std::set<std::string> routes;
  for (const std::string& prefix : {link_prefix(digest), edge_prefix(digest)}) {
    auto leapt = database_->leap(prefix, prefix, [&](std::string_view key) -> Result<std::string> {
      KeyReader in(key, prefix.size());
      const std::string route = in.name();
      if (in.failed()) return malformed_key();
      routes.insert(route);
      return behind_name(prefix + route + '\0');
    });
    if (!leapt) return failure(leapt.error());
  }
  return routes;
}

Result<std::vector<RepositoryKey>> Catalog::links(const Digest& blob) const {
  const std::string prefix = link_prefix(blob);
  std::vector<RepositoryKey> links;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    links.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return links;
}

Result<std::vector<NamedReferrer>> Catalog::referrers(const RepositoryKey& repository, const Digest& subject,
                                                      const std::optional<Digest>& last, size_t limit) const {
  const std::string prefix = referrer_prefix(repository, subject);
  std::vector<NamedReferrer> referrers;
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
                                   referrers.push_back({digest, *std::move(record)});
                                   return referrers.size() < limit;
                                 });
  if (!scanned) return failure(scanned.error());
  return referrers;
}

Result<std::vector<Look>> Catalog::looks(Time now, size_t limit, const std::optional<Look>& after) const {
  std::vector<Look> looks;
  if (limit == 0) return looks;
  const std::string from = after ? look_key(after->due, after->digest) + '\0' : kLooks;
  auto scanned =
      database_->scan(kLooks, from, Reach::disk, [&](std::string_view key, std::string_view) -> Result<bool> {
        KeyReader in(key, 1);
        const Time due = in.time();
        const Digest digest = in.digest();
        if (in.failed()) return malformed_key();
        if (due > now) return false;
        looks.push_back({due, digest});
        return looks.size() < limit;
      });
  if (!scanned) return failure(scanned.error());
  return looks;
}

Result<std::vector<NamedManifest>> Catalog::manifests_of(const Digest& digest) const {
  const std::string prefix = manifest_of_prefix(digest);
  std::vector<RepositoryKey> repositories;
  auto scanned = database_->scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    repositories.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  std::vector<NamedManifest> manifests;
  for (RepositoryKey& repository : repositories) {
    auto record = manifest(repository, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) manifests.push_back({std::move(repository), digest, **std::move(record)});
  }
  return manifests;
}

// The digests that come from `from` on in the order of use, at most `limit`; and where to go on.
Result<std::vector<Digest>> Catalog::used_digests(const std::string& prefix, std::string& from,
                                                  size_t limit) const {
  std::vector<Digest> digests;
  auto scanned =
      database_->scan(prefix, from, Reach::disk, [&](std::string_view key, std::string_view) -> Result<bool> {
        from = std::string(key) + '\0';
        KeyReader in(key, prefix.size());
        in.time();
        digests.push_back(in.digest());
        if (in.failed()) return malformed_key();
        return digests.size() < limit;
      });
  if (!scanned) return failure(scanned.error());
  return digests;
}

Result<std::vector<UsedBlob>> Catalog::least_recently_used(const std::string& route, size_t limit,
                                                           const Unreadable& unreadable) const {
  const std::string prefix = use_prefix(route);
  std::string from = prefix;
  std::vector<UsedBlob> blobs;
  while (blobs.size() < limit) {
    const auto digests = used_digests(prefix, from, limit - blobs.size());
    if (!digests) return failure(digests.error());
    if (digests->empty()) break;
    for (const Digest& digest : *digests) {
      auto record = blob(digest, Reach::disk);
      if (!record && record.error().kind == Error::Kind::corrupt && unreadable) {
        unreadable(digest, record.error());
        continue;
      }
      if (!record) return failure(record.error());
      if (*record) blobs.push_back({digest, **std::move(record)});
    }
  }
  return blobs;
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

Result<std::vector<std::string>> Catalog::upload_ids() const {
  std::vector<std::string> ids;
  auto scanned = database_->scan(kUploads, [&](std::string_view key, std::string_view) -> Result<bool> {
    ids.push_back(KeyReader(key, 1).rest());
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return ids;
}

// --- walks

namespace {

// An error that says whose record it is.
tl::unexpected<Error> malformed_record(const std::string& whose, const Error& error) {
  return failure(error.kind, whose + ": " + error.message);
}

Result<TagOf> tag_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  std::string tag = in.rest();
  if (in.failed()) return malformed_key();
  auto record = decode<TagRecord>(value);
  if (!record)
    return malformed_record(repository.route + "/" + repository.repository + ":" + tag, record.error());
  return TagOf{std::move(repository), std::move(tag), *std::move(record)};
}

Result<NamedManifest> manifest_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<ManifestRecord>(value);
  if (!record)
    return malformed_record(repository.route + "/" + repository.repository + "@" + digest.text(),
                            record.error());
  return NamedManifest{std::move(repository), digest, *std::move(record)};
}

Result<Edge> edge_row(std::string_view key, std::string_view) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest parent = in.digest();
  const Digest child = in.digest();
  if (in.failed()) return malformed_key();
  return Edge{std::move(repository), parent, child};
}

Result<UsedBlob> blob_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<BlobRecord>(value);
  if (!record) return malformed_record(digest.text(), record.error());
  return UsedBlob{digest, *std::move(record)};
}

}  // namespace

Result<std::vector<TagOf>> Catalog::next_tags(std::string& position, size_t limit,
                                              const Malformed& malformed) const {
  return database_->walk<TagOf>(kTags, position, limit, malformed, tag_row);
}
Result<std::vector<NamedManifest>> Catalog::next_manifests(std::string& position, size_t limit,
                                                           const Malformed& malformed) const {
  return database_->walk<NamedManifest>(kManifests, position, limit, malformed, manifest_row);
}
Result<std::vector<Edge>> Catalog::next_edges(std::string& position, size_t limit,
                                              const Malformed& malformed) const {
  return database_->walk<Edge>(kChildren, position, limit, malformed, edge_row);
}
Result<std::vector<UsedBlob>> Catalog::next_blobs(std::string& position, size_t limit,
                                                  const Malformed& malformed) const {
  return database_->walk<UsedBlob>(kBlobs, position, limit, malformed, blob_row);
}

Result<std::vector<UsedBlob>> Catalog::blobs_in(Algorithm algorithm, uint8_t first,
                                                const Malformed& malformed) const {
  const std::string prefix = kBlobs + std::string{static_cast<char>(algorithm), static_cast<char>(first)};
  std::string position;
  return database_->walk<UsedBlob>(prefix, position, SIZE_MAX, malformed, blob_row);
}

// --- the whole

Result<bool> Catalog::clean() const { return database_->has(kCleanKey); }

Result<> Catalog::set_clean(bool clean) {
  rocksdb::WriteBatch batch;
  if (clean) {
    batch.Put(kCleanKey, rocksdb::Slice());
  } else {
    batch.Delete(kCleanKey);
  }
  return database_->apply(batch, Durability::synced);
}

Result<> Catalog::set_leases(const SavedLeases& saved) {
  rocksdb::WriteBatch writes;
  writes.Put(kLeasesKey, encode(LeaseRecord{saved.others_until, {}, 0}));
  for (const NamedLease& lease : saved.leases) writes.Put(lease_key(lease.digest), encode(lease.record));
  return database_->apply(writes, Durability::buffered);
}

Result<std::optional<SavedLeases>> Catalog::take_leases() {
  const auto others = database_->get<LeaseRecord>(kLeasesKey, Reach::disk);
  if (!others) return failure(others.error());
  if (!*others) return std::nullopt;
  SavedLeases saved{(*others)->told, {}};
  // What cannot be understood goes as well, so that the next start is not held up by it.
  std::optional<Error> malformed;
  rocksdb::WriteBatch writes;
  writes.Delete(kLeasesKey);
  auto scanned = database_->scan(kLeases, [&](std::string_view key, std::string_view value) -> Result<bool> {
    writes.Delete(key);
    KeyReader in(key, 1);
    const Digest digest = in.digest();
    const auto record = in.failed() ? malformed_key() : decode<LeaseRecord>(value);
    if (!record) malformed = record.error();
    if (record) saved.leases.push_back({digest, *record});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  // Without room for that they stay, and count for nothing after a crash.
  if (auto taken = database_->apply(writes, Durability::buffered);
      !taken && taken.error().kind != Error::Kind::full)
    return failure(taken.error());
  if (malformed) return failure(*std::move(malformed));
  return saved;
}

Result<std::vector<std::string>> Catalog::mirrors() const {
  std::vector<std::string> routes;
  auto scanned = database_->scan(kMirrorKey, [&](std::string_view key, std::string_view) -> Result<bool> {
    routes.emplace_back(key.substr(std::string_view(kMirrorKey).size()));
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return routes;
}

Result<> Catalog::set_mirrors(const std::vector<std::string>& routes) {
  const auto before = mirrors();
  if (!before) return failure(before.error());
  rocksdb::WriteBatch writes;
  for (const std::string& route : *before) writes.Delete(kMirrorKey + route);
  for (const std::string& route : routes) writes.Put(kMirrorKey + route, rocksdb::Slice());
  return database_->apply(writes, Durability::buffered);
}

Result<std::optional<ScrubRecord>> Catalog::scrub() const {
  return database_->get<ScrubRecord>(kScrubKey, Reach::disk);
}

Result<> Catalog::set_scrub(const ScrubRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(kScrubKey, encode(record));
  return database_->apply(batch, Durability::buffered);
}

uint64_t Catalog::disk_bytes() const { return database_->disk_bytes(); }
bool Catalog::log_was_broken() const { return database_->log_was_broken(); }
Result<> Catalog::checkpoint(const std::filesystem::path& to) const { return database_->checkpoint(to); }
Result<> Catalog::flush() { return database_->flush(); }

}  // namespace breakwater::store
