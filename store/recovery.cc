// The part of Store that runs once, in open(): it brings catalog, budget and files into step.
//
// After a clean stop the catalog is believed. After any other every file is looked at: a record without its file goes; a file without a
// record was renamed into place, so it had been verified and synced, and is adopted. Only a small file is hashed again for that, which costs
// nothing beside the seek.
#include <unordered_map>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kHashedAgainMax = 1ULL << 20;
constexpr std::string_view kFillPrefix = "fill-";

// Whether `id` is "fill-sha256-<hex>".
bool is_fill(std::string_view id) {
  if (!id.starts_with(kFillPrefix)) return false;
  std::string digest(id.substr(kFillPrefix.size()));
  const size_t dash = digest.find('-');
  if (dash == std::string::npos) return false;
  digest[dash] = ':';
  return Digest::parse(digest).has_value();
}

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

Result<> Store::recover() {
  const auto clean = catalog_->clean();
  if (!clean) return failure(clean.error());
  recovered_.was_clean = *clean;
  // From here on the catalog may be ahead of its mark, so the mark goes first.
  if (auto marked = catalog_->set_clean(false); !marked) return marked;
  if (auto emptied = recover_trash(); !emptied) return emptied;
  if (auto counted = *clean ? count_blobs() : reconcile_blobs(); !counted) return counted;
  if (auto partials = recover_partials(); !partials) return partials;
  if (auto dropped = drop_stale_fill_records(); !dropped) return dropped;
  log_.info("store_opened", {{"blobs", number(recovered_.blobs)},
                             {"bytes", number(recovered_.bytes)},
                             {"partials", number(recovered_.partials)},
                             {"clean", int64_t{recovered_.was_clean}},
                             {"records_dropped", number(recovered_.records_dropped)},
                             {"files_adopted", number(recovered_.files_adopted)},
                             {"files_removed", number(recovered_.files_removed)}});
  return {};
}

Result<> Store::count_blobs() {
  return catalog_->each_blob([this](const Digest&, const BlobRecord& record) {
    budget_.add_stored(record.route, record.size);
    ++recovered_.blobs;
    recovered_.bytes += record.size;
    return true;
  });
}

Result<> Store::reconcile_blobs() {
  const auto files = blobs_.list();
  if (!files) return failure(files.error());
  std::unordered_map<Digest, const Blobs::Stored*, DigestHash> unknown;
  for (const Blobs::Stored& file : *files) unknown.emplace(file.digest, &file);

  std::vector<UsedBlob> lost;
  // Counted before it is known to be there, because forgetting gives back what was counted.
  auto compared = catalog_->each_blob([&](const Digest& digest, const BlobRecord& record) {
    budget_.add_stored(record.route, record.size);
    const auto file = unknown.find(digest);
    if (file == unknown.end() || file->second->stat.size != record.size) {
      lost.push_back({digest, record});
    } else {
      ++recovered_.blobs;
      recovered_.bytes += record.size;
    }
    if (file != unknown.end()) unknown.erase(file);
    return true;
  });
  if (!compared) return compared;

  for (const UsedBlob& blob : lost) {
    log_.error("blob_lost", {{"digest", blob.digest.text()}, {"route", blob.record.route}, {"bytes", number(blob.record.size)}});
    if (auto forgotten = forget_blob(blob.digest); !forgotten) return forgotten;
    ++recovered_.records_dropped;
  }
  for (const auto& [digest, file] : unknown) {
    // One bad file must not keep the others from being served. It stays where it is, and counts for nothing.
    if (auto adopted = adopt(*file); !adopted) {
      must_reconcile_ = true;
      log_.error("blob_not_adopted", {{"digest", digest.text()}, {"error", adopted.error().message}});
    }
  }
  return {};
}

Result<> Store::adopt(const Blobs::Stored& stored) {
  const auto whole = is_whole(stored);
  if (!whole) return failure(whole.error());
  if (!*whole) {
    log_.error("blob_corrupt", {{"digest", stored.digest.text()}, {"bytes", number(stored.stat.size)}});
    ++recovered_.files_removed;
    return blobs_.remove(stored.digest);
  }
  auto owner = owner_of(stored.digest);
  if (!owner) return failure(owner.error());
  const BlobRecord record{stored.stat.size, *std::move(owner), stored.stat.modified, stored.stat.modified};
  Catalog::Batch batch;
  batch.put_blob(stored.digest, record, std::nullopt);
  batch.put_look(clock_.now() + settings_.lease, stored.digest);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  budget_.add_stored(record.route, record.size);
  ++recovered_.files_adopted;
  ++recovered_.blobs;
  recovered_.bytes += record.size;
  return {};
}

Result<bool> Store::is_whole(const Blobs::Stored& stored) {
  if (stored.stat.size > kHashedAgainMax) return true;
  const auto blob = blobs_.open(stored.digest, stored.stat.size);
  if (!blob) return failure(blob.error());
  const auto bytes = read_blob(*blob);
  if (!bytes) return failure(bytes.error());
  return digest_of(stored.digest.algorithm(), *bytes) == stored.digest;
}

// The route of a repository that may serve it; empty if none is known.
Result<std::string> Store::owner_of(const Digest& digest) {
  const auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  if (!links->empty()) return links->front().route;
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  if (!parents->empty()) return parents->front().repository.route;
  return std::string();
}

// What is known still was on its way out when the power went: it comes back, and is looked at again.
Result<> Store::recover_trash() {
  const auto trashed = blobs_.trashed();
  if (!trashed) return failure(trashed.error());
  for (const Digest& digest : *trashed) {
    const auto record = catalog_->blob(digest, Reach::disk);
    if (!record) return failure(record.error());
    const bool is_known = *record && !blobs_.open(digest, (*record)->size);
    const auto done = is_known ? blobs_.restore(digest) : blobs_.remove_trashed(digest);
    if (done && !is_known) ++recovered_.files_removed;
    if (done) continue;
    must_reconcile_ = true;
    log_.error("trash_not_emptied", {{"digest", digest.text()}, {"error", done.error().message}});
  }
  return {};
}

Result<> Store::recover_partials() {
  const auto partials = blobs_.partials();
  if (!partials) return failure(partials.error());
  for (const Blobs::Partial& partial : *partials) {
    const auto record = catalog_->upload(partial.id, Reach::disk);
    if (!record) return failure(record.error());
    if (partial.stat.size == 0 || (!*record && !is_fill(partial.id))) {
      ++recovered_.files_removed;
      if (auto removed = blobs_.remove_partial(partial.id); !removed) return removed;
      continue;
    }
    const std::string route = *record ? (*record)->route : std::string();
    budget_.add_stored(route, partial.stat.size);
    idle_partials_[partial.id] = {route, partial.stat.size, partial.stat.modified};
    ++recovered_.partials;
  }
  return {};
}

Result<> Store::drop_stale_fill_records() {
  const auto ids = catalog_->upload_ids();
  if (!ids) return failure(ids.error());
  for (const std::string& id : *ids) {
    if (is_fill(id) && !idle_partials_.contains(id)) forget_upload(id);
  }
  return {};
}

}  // namespace breakwater::store
