// The part of Store that runs once, in open(): it brings catalog, budget and files into step.
//
// After a clean stop the catalog is believed. After any other the names of the files are held against it: a
// record without its file goes; a file without a record was renamed into place, so it had been verified and
// synced, and is adopted. Only a small file is hashed again for that, which costs nothing beside the seek.
// Half a million names are a second's work and one folder of them is in memory at a time; to ask each file
// for its size would take a spinning disk an hour, and whoever opens a blob asks (Blobs::open). Whether
// everything that is referred to is there is for the scrub to find out, which begins with that after such a
// stop (scrub.h): nobody waits for it.
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kHashedAgainMax = 1ULL << 20;
constexpr size_t kRecordsAtOnce = 1000;
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
  const auto marked = take_clean_mark();
  if (!marked) return failure(marked.error());
  recovered_.was_clean = *clean && *marked && !catalog_->log_was_broken();
  // From here on the catalog may be ahead of its marks, so they went first; of the second a full disk may not
  // take that.
  if (auto unmarked = catalog_->set_clean(false); !unmarked && unmarked.error().kind != Error::Kind::full)
    return unmarked;
  recover_leases();
  if (auto emptied = recover_trash(); !emptied) return emptied;
  if (auto counted = recovered_.was_clean ? count_blobs() : reconcile_blobs(); !counted) return counted;
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

void Store::recover_leases() {
  const auto saved = catalog_->take_leases();
  if (!saved) log_.warning("leases_unknown", {{"error", saved.error().message}});
  if (saved && *saved && recovered_.was_clean) leases_.resume(**saved);
}

Result<> Store::count_blobs() {
  const auto skip = [this](const Error& error) {
    must_reconcile_ = true;
    log_.error("record_malformed", {{"error", error.message}});
  };
  for (std::string position;;) {
    const auto some = catalog_->next_blobs(position, kRecordsAtOnce, skip);
    if (!some) return failure(some.error());
    for (const UsedBlob& blob : *some) count_blob(blob.record);
    if (some->size() < kRecordsAtOnce) return {};
  }
}

void Store::count_blob(const BlobRecord& record) {
  budget_.add_stored(record.route, record.size);
  ++recovered_.blobs;
  recovered_.bytes += record.size;
}

Result<> Store::reconcile_blobs() {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    for (unsigned first = 0; first < 256; ++first) {
      if (auto reconciled = reconcile_folder(algorithm, static_cast<uint8_t>(first)); !reconciled)
        return reconciled;
    }
  }
  return {};
}

Result<> Store::reconcile_folder(Algorithm algorithm, uint8_t first) {
  // A record that cannot be understood is none: its file is adopted.
  const auto skip = [this](const Error& error) {
    log_.error("record_malformed", {{"error", error.message}});
  };
  const auto records = catalog_->blobs_in(algorithm, first, skip);
  if (!records) return failure(records.error());
  const auto files = blobs_.list(algorithm, first);
  if (!files) return failure(files.error());
  // Both are in the order of the digests.
  auto file = files->begin();
  for (const UsedBlob& known : *records) {
    for (; file != files->end() && *file < known.digest; ++file) adopt_if_possible(*file);
    count_blob(known.record);
    if (file != files->end() && *file == known.digest) {
      ++file;
    } else if (auto dropped = drop_lost(known); !dropped && dropped.error().kind != Error::Kind::full) {
      return dropped;  // without room to write it stays; whoever opens it finds out
    }
  }
  for (; file != files->end(); ++file) adopt_if_possible(*file);
  return {};
}

// It was counted before it was known to be lost, because forgetting gives back what was counted.
Result<> Store::drop_lost(const UsedBlob& blob) {
  log_.error(
      "blob_lost",
      {{"digest", blob.digest.text()}, {"route", blob.record.route}, {"bytes", number(blob.record.size)}});
  --recovered_.blobs;
  recovered_.bytes -= blob.record.size;
  ++recovered_.records_dropped;
  return forget_blob(blob.digest);
}

// One bad file must not keep the others from being served. It stays where it is, and counts for nothing.
void Store::adopt_if_possible(const Digest& digest) {
  const auto adopted = adopt(digest);
  if (adopted) return;
  must_reconcile_ = true;
  log_.error("blob_not_adopted", {{"digest", digest.text()}, {"error", adopted.error().message}});
}

Result<> Store::adopt(const Digest& digest) {
  const auto found = blobs_.stat(digest);
  if (!found) return failure(found.error());
  const auto whole = is_whole(digest, found->size);
  if (!whole) return failure(whole.error());
  if (!*whole) {
    log_.error("blob_corrupt", {{"digest", digest.text()}, {"bytes", number(found->size)}});
    ++recovered_.files_removed;
    return blobs_.remove(digest);
  }
  auto owner = owner_of(digest);
  if (!owner) return failure(owner.error());
  const BlobRecord record{found->size, *std::move(owner), found->modified, found->modified};
  Catalog::Batch batch;
  batch.put_blob(digest, record, std::nullopt);
  batch.put_look(clock_.now() + settings_.lease, digest);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  count_blob(record);
  ++recovered_.files_adopted;
  return {};
}

Result<bool> Store::is_whole(const Digest& digest, uint64_t size) {
  if (size > kHashedAgainMax) return true;
  const auto blob = blobs_.open(digest, size);
  if (!blob) return failure(blob.error());
  const auto bytes = read_blob(*blob);
  if (!bytes) return failure(bytes.error());
  return digest_of(digest.algorithm(), *bytes) == digest;
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
    const bool is_unreadable = !record && record.error().kind == Error::Kind::corrupt;
    if (!record && !is_unreadable) return failure(record.error());
    if (is_unreadable) {
      log_.error("upload_lost", {{"upload", partial.id}, {"error", record.error().message}});
      forget_upload(partial.id);
    }
    if (is_unreadable || partial.stat.size == 0 || (!*record && !is_fill(partial.id))) {
      ++recovered_.files_removed;
      if (auto removed = blobs_.remove_partial(partial.id); !removed) return removed;
      continue;
    }
    const std::string route = *record ? (*record)->route : std::string();
    budget_.add_stored(route, partial.stat.size);
    idle_partials_[partial.id] = {route, partial.stat.size, partial.stat.modified, false};
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
