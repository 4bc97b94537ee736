#include "store/store.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace breakwater::store {
namespace {

// What the catalog's files may grow by between two measurements: a compaction writes anew what it reads, and
// the log fills up.
constexpr uint64_t kCompactionBytesMax = 32ULL << 20;
constexpr uint64_t kCatalogLogBytesMax = 8ULL << 20;
constexpr char kCleanMark[] = "clean";
constexpr uint64_t kHeadroomOfBound = 16;  // but never more than this part of a small store

}  // namespace

Store::Store(const StoreSettings& settings, Disk& disk, const Clock& clock, Log& log)
    : settings_(settings),
      disk_(disk),
      clock_(clock),
      log_(log),
      budget_(settings.bytes_max),
      blobs_(disk, settings.data),
      leases_(clock, settings.lease) {
  for (const auto& [route, bytes_max] : settings_.route_bytes_max) budget_.set_bound(route, bytes_max);
}

Result<std::unique_ptr<Store>> Store::open(const StoreSettings& settings, Disk& disk, const Clock& clock,
                                           Log& log) {
  std::unique_ptr<Store> store(new Store(settings, disk, clock, log));
  if (auto made = disk.make_directories(settings.data); !made) return failure(made.error());
  // It may have been made just now. Where we may not open the folder above, whoever made ours has seen to it.
  (void)disk.sync_directory(std::filesystem::absolute(settings.data).parent_path());
  auto lock = FolderLock::take(settings.data);
  if (!lock) return failure(lock.error());
  store->lock_ = *std::move(lock);
  if (auto prepared = store->blobs_.prepare(); !prepared) return failure(prepared.error());
  auto catalog = Catalog::open(disk, settings.data / "catalog", settings.catalog_cache_bytes, &log);
  if (!catalog) return failure(catalog.error());
  store->catalog_ = *std::move(catalog);
  if (auto synced = disk.sync_directory(settings.data); !synced) return failure(synced.error());
  if (auto remembered = store->remember_mirrors(); !remembered) return failure(remembered.error());
  if (auto recovered = store->recover(); !recovered) return failure(recovered.error());
  store->measure();
  store->is_open_ = true;
  return store;
}

// What a route has left that is not configured any more would be nobody's for ever, if it were not known that
// it can be fetched again.
Result<> Store::remember_mirrors() {
  const auto before = catalog_->mirrors();
  if (!before) return failure(before.error());
  const auto has = [](const std::vector<std::string>& routes, const std::string& route) {
    return std::find(routes.begin(), routes.end(), route) != routes.end();
  };
  for (const std::string& route : *before) {
    if (!has(settings_.mirror_routes, route) && !has(settings_.registry_routes, route))
      settings_.mirror_routes.push_back(route);
  }
  const bool is_known = std::is_permutation(before->begin(), before->end(), settings_.mirror_routes.begin(),
                                            settings_.mirror_routes.end());
  auto remembered = is_known ? Result<>() : catalog_->set_mirrors(settings_.mirror_routes);
  // Without room for that another start will do it.
  if (!remembered && remembered.error().kind == Error::Kind::full) return {};
  return remembered;
}

Store::~Store() {
  if (!is_open_) return;
  auto ended = flush_uses();
  if (must_reconcile_) return;
  if (ended) ended = catalog_->set_leases(leases_.saved());
  if (ended) ended = catalog_->set_clean(true);
  if (ended) ended = make_clean_mark();
  // Not fatal: the next start takes its time and looks at every file.
  if (!ended) log_.warning("store_close_failed", {{"error", ended.error().message}});
}

Result<> Store::make_clean_mark() {
  const auto mark = disk_.open_for_writing(settings_.data / kCleanMark);
  return mark ? disk_.sync_directory(settings_.data) : failure(mark.error());
}

Result<bool> Store::take_clean_mark() {
  const auto removed = disk_.remove(settings_.data / kCleanMark);
  if (!removed && removed.error().kind == Error::Kind::not_found) return false;
  if (!removed) return failure(removed.error());
  if (auto synced = disk_.sync_directory(settings_.data); !synced) return failure(synced.error());
  return true;
}

bool Store::is_mirror(const std::string& route) const {
  // What recovery found without an owner has no route; nobody was told that it exists.
  return route.empty() || std::find(settings_.mirror_routes.begin(), settings_.mirror_routes.end(), route) !=
                              settings_.mirror_routes.end();
}

std::mutex& Store::change_of(const Digest& digest) {
  return changes_[DigestHash()(digest) % changes_.size()];
}

// --- blobs

Result<Blob> Store::open_blob(const Digest& digest) {
  if (auto warm = blobs_.open_if_warm(digest)) return *std::move(warm);
  // Under the lock, so that a blob that is just being replaced is not taken for a lost one.
  const std::lock_guard lock(change_of(digest));
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return failure(Error::Kind::not_found, "no blob " + digest.text());
  auto blob = blobs_.open(digest, (*record)->size);
  if (blob) return blob;
  const Error::Kind kind = blob.error().kind;
  if (kind != Error::Kind::not_found && kind != Error::Kind::corrupt) return blob;
  log_.error("blob_lost", {{"digest", digest.text()}, {"error", blob.error().message}});
  if (auto forgotten = forget_locked(digest); !forgotten) return failure(forgotten.error());
  return failure(Error::Kind::not_found, blob.error().message);
}

Result<Blob> Store::open_blob_if_warm(const Digest& digest) {
  if (auto warm = blobs_.open_if_warm(digest)) return *std::move(warm);
  const auto record = catalog_->blob(digest, Reach::memory);
  if (!record) return failure(record.error());
  if (!*record) return failure(Error::Kind::not_found, "no blob " + digest.text());
  return failure(Error::Kind::would_block, "blob " + digest.text() + " is not open");
}

void Store::note_use(const Digest& digest) {
  const Time now = clock_.now();
  const std::lock_guard lock(uses_mutex_);
  uses_.insert_or_assign(digest, now);
}

Result<Blob> Store::commit_blob(BlobWriter& writer, Reservation&& reservation,
                                const RepositoryKey& repository, Durability durability) {
  assert(writer.verified() && reservation.is_open());
  if (auto grown = grow(reservation, reservation.route(), writer.written()); !grown)
    return failure(grown.error());
  if (auto synced = writer.sync(); !synced) return failure(synced.error());
  const Digest digest = *writer.verified();
  const std::lock_guard lock(change_of(digest));
  const auto previous = catalog_->blob(digest, Reach::disk);
  if (!previous) return failure(previous.error());
  Catalog::Batch batch;
  const Time now = clock_.now();
  batch.put_link(digest, repository, {now});
  batch.remove_upload(writer.id());
  if (!is_mirror(repository.route)) {
    (void)leases_.take(digest, Leases::Kind::delivered, repository);
    batch.put_look(now + settings_.lease, digest);
  }
  return commit_locked(writer, reservation, *previous, std::move(batch), durability);
}

// `batch` holds what else becomes true with the blob.
Result<Blob> Store::commit_locked(BlobWriter& writer, Reservation& reservation,
                                  const std::optional<BlobRecord>& previous, Catalog::Batch batch,
                                  Durability durability) {
  const Time now = clock_.now();
  const Digest digest = *writer.verified();
  // A registry's blob stays on its account: it is not a mirror's to evict.
  const bool is_kept = previous && !is_mirror(previous->route);
  const BlobRecord record{writer.written(), is_kept ? previous->route : reservation.route(), now, now};
  auto blob = writer.commit();
  if (!blob) return blob;
  batch.put_blob(digest, record, previous);
  if (auto written = catalog_->write(std::move(batch), durability); !written) {
    // A file that nobody accounts for must not stay. With an earlier record it is accounted for, and right.
    if (!previous && !blobs_.remove(digest)) must_reconcile_ = true;
    return failure(written.error());
  }
  if (!previous && !is_mirror(record.route)) leases_.note_new(digest);
  broken_.heal(digest);
  writer.leave_account();
  reservation.commit(is_kept ? 0 : record.size);
  if (previous && !is_kept) budget_.release(previous->route, previous->size);
  return blob;
}

Result<std::string> Store::read_blob(const Blob& blob) {
  std::string bytes(static_cast<size_t>(blob.size), '\0');
  const auto got = disk_.read(*blob.file, 0, bytes);
  if (!got) return failure(got.error());
  bytes.resize(*got);
  return bytes;
}

Result<bool> Store::may_serve(const RepositoryKey& repository, const Digest& digest, Reach reach) {
  const auto link = catalog_->link(digest, repository, reach);
  if (!link) return failure(link.error());
  if (*link) return true;
  const auto parent = catalog_->parent_in(digest, repository, reach);
  if (!parent) return failure(parent.error());
  return parent->has_value();
}

uint64_t Store::evicted_total() const { return evicted_; }

void Store::measure() {
  const uint64_t catalog_bytes = catalog_->disk_bytes();
  const uint64_t bytes = catalog_bytes + blobs_.directory_bytes();
  const std::lock_guard lock(room_);
  budget_.set_overhead(bytes);
  growth_ = std::min(catalog_bytes, kCompactionBytesMax) + kCatalogLogBytesMax;
  budget_.set_headroom(headroom());
  measure_disk_bound();
  if (settings_.keeps_bounds) enforce_bounds();
}

// Kept free of the whole's bound for what the catalog may grow by.
uint64_t Store::headroom() const { return std::min(growth_, settings_.bytes_max / kHeadroomOfBound); }

}  // namespace breakwater::store
