#include "store/upkeep/recovery.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/partials.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/catalog/store_clock.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/references/leases.h"
#include "store/references/liveness.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kHashedAgainMax = 1ULL << 20;
constexpr size_t kRecordsAtOnce = 1000;

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

class Recovery {
 public:
  Recovery(const Parts& parts, Blobs& blobs, IdlePartials& partials)
      : parts_(parts), blobs_(blobs), partials_(partials) {}

  Result<> recover();
  const Recovered& recovered() const { return recovered_; }

 private:
  void recover_leases();
  Result<> count_blobs();
  void count_blob(const BlobRecord& record);
  Result<> reconcile_blobs();
  Result<> reconcile_folder(Algorithm algorithm, uint8_t first);
  Result<> delete_lost(const UsedBlob& blob);
  void adopt_if_possible(const Digest& digest);
  Result<> adopt(const Digest& digest);
  Result<bool> is_whole(const Digest& digest, uint64_t size);
  Result<std::string> owner_of(const Digest& digest);
  Result<> recover_trash();
  Result<> recover_partials();
  Result<> delete_stale_upload_records();

  const Parts& parts_;
  Blobs& blobs_;
  IdlePartials& partials_;
  Recovered recovered_;
};

Result<> Recovery::recover() {
  const auto clean = parts_.catalog.state().clean();
  if (!clean) return failure(clean.error());
  const auto marked = parts_.mark.take();
  if (!marked) return failure(marked.error());
  recovered_.was_clean = *clean && *marked && !parts_.catalog.log_was_broken();
  // Both marks are removed before the catalog is changed. On a full disk the second one may have to stay,
  // which does no harm, because a clean stop needs both.
  if (auto unmarked = parts_.catalog.state().set_clean(false);
      !unmarked && unmarked.error().kind != Error::Kind::full)
    return unmarked;
  recover_leases();
  if (auto emptied = recover_trash(); !emptied) return emptied;
  if (auto counted = recovered_.was_clean ? count_blobs() : reconcile_blobs(); !counted) return counted;
  if (auto partials = recover_partials(); !partials) return partials;
  if (auto dropped = delete_stale_upload_records(); !dropped) return dropped;
  parts_.log.info("store_opened", {{"blobs", number(recovered_.blobs)},
                                   {"bytes", number(recovered_.bytes)},
                                   {"partials", number(recovered_.partials)},
                                   {"clean", int64_t{recovered_.was_clean}},
                                   {"records_dropped", number(recovered_.records_dropped)},
                                   {"files_adopted", number(recovered_.files_adopted)},
                                   {"files_removed", number(recovered_.files_removed)}});
  return {};
}

void Recovery::recover_leases() {
  const auto saved = parts_.catalog.state().take_leases();
  if (!saved) parts_.log.warning("leases_unknown", {{"error", saved.error().message}});
  if (saved && *saved && recovered_.was_clean && parts_.clock.is_same_boot()) parts_.leases.resume(**saved);
}

Result<> Recovery::count_blobs() {
  const auto skip = [this](const Error& error) {
    parts_.mark.forgo();
    parts_.log.error("record_malformed", {{"error", error.message}});
  };
  for (std::string position;;) {
    const auto some = parts_.catalog.walk().next_blobs(position, kRecordsAtOnce, skip);
    if (!some) return failure(some.error());
    for (const UsedBlob& blob : *some) count_blob(blob.record);
    if (some->size() < kRecordsAtOnce) return {};
  }
}

void Recovery::count_blob(const BlobRecord& record) {
  parts_.budget.add_stored(record.route, record.size);
  ++recovered_.blobs;
  recovered_.bytes += record.size;
}

Result<> Recovery::reconcile_blobs() {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    for (unsigned first = 0; first < 256; ++first) {
      if (auto reconciled = reconcile_folder(algorithm, static_cast<uint8_t>(first)); !reconciled)
        return reconciled;
    }
  }
  return {};
}

Result<> Recovery::reconcile_folder(Algorithm algorithm, uint8_t first) {
  // A record that cannot be understood is none: its file is adopted.
  const auto skip = [this](const Error& error) {
    parts_.log.error("record_malformed", {{"error", error.message}});
  };
  const auto records = parts_.catalog.walk().blobs_in(algorithm, first, skip);
  if (!records) return failure(records.error());
  const auto files = parts_.files.list(algorithm, first);
  if (!files) return failure(files.error());
  // Both are in the order of the digests.
  auto file = files->begin();
  for (const UsedBlob& known : *records) {
    for (; file != files->end() && *file < known.digest; ++file) adopt_if_possible(*file);
    count_blob(known.record);
    if (file != files->end() && *file == known.digest) {
      ++file;
    } else if (auto dropped = delete_lost(known); !dropped && dropped.error().kind != Error::Kind::full) {
      return dropped;  // without room to write it stays; whoever opens it finds out
    }
  }
  for (; file != files->end(); ++file) adopt_if_possible(*file);
  return {};
}

// It was counted before it was known to be lost, because forgetting gives back what was counted.
//
// No loss is told of what only mirrors need. A mirror's blob is evicted without a sync of the catalog
// (Trash::free), so a power cut brings its record back without its file.
Result<> Recovery::delete_lost(const UsedBlob& blob) {
  const auto needed = is_needed_by_registry(parts_.catalog, parts_.rules, blob.digest);
  const bool is_loss = !needed || *needed || !parts_.rules.is_mirror(blob.record.route);
  parts_.log.write(
      is_loss ? Log::Level::error : Log::Level::info, is_loss ? "blob_lost" : "blob_evicted_before",
      std::vector<Log::Field>{
          {"digest", blob.digest.text()}, {"route", blob.record.route}, {"bytes", number(blob.record.size)}});
  --recovered_.blobs;
  recovered_.bytes -= blob.record.size;
  ++recovered_.records_dropped;
  return blobs_.delete_damaged(blob.digest);
}

// One bad file must not keep the others from being served. It stays where it is, and counts for nothing.
void Recovery::adopt_if_possible(const Digest& digest) {
  const auto adopted = adopt(digest);
  if (adopted) return;
  parts_.mark.forgo();
  parts_.log.error("blob_not_adopted", {{"digest", digest.text()}, {"error", adopted.error().message}});
}

Result<> Recovery::adopt(const Digest& digest) {
  const auto found = parts_.files.stat(digest);
  if (!found) return failure(found.error());
  const auto whole = is_whole(digest, found->size);
  if (!whole) return failure(whole.error());
  if (!*whole) {
    parts_.log.error("blob_corrupt", {{"digest", digest.text()}, {"bytes", number(found->size)}});
    ++recovered_.files_removed;
    return parts_.files.delete_blob(digest);
  }
  auto owner = owner_of(digest);
  if (!owner) return failure(owner.error());
  const Time modified = parts_.clock.of_wall(found->modified);
  const BlobRecord record{found->size, *std::move(owner), modified, modified, {}};
  Batch batch;
  batch.put_blob(digest, record, std::nullopt);
  batch.put_review(parts_.clock.now() + parts_.rules.lease(), digest);
  if (auto written = parts_.catalog.write(std::move(batch), Durability::buffered); !written) return written;
  count_blob(record);
  ++recovered_.files_adopted;
  return {};
}

Result<bool> Recovery::is_whole(const Digest& digest, uint64_t size) {
  if (size > kHashedAgainMax) return true;
  const auto blob = parts_.files.open(digest, size);
  if (!blob) return failure(blob.error());
  const auto bytes = parts_.files.read(*blob);
  if (!bytes) return failure(bytes.error());
  return digest_of(digest.algorithm(), *bytes) == digest;
}

// The route of a repository that may serve it; empty if none is known.
Result<std::string> Recovery::owner_of(const Digest& digest) {
  const auto links = parts_.catalog.by_digest().links(digest, 1);
  if (!links) return failure(links.error());
  if (!links->empty()) return links->front().route;
  const auto naming = parts_.catalog.by_digest().repositories_naming(digest, 1);
  if (!naming) return failure(naming.error());
  if (!naming->empty()) return naming->front().route;
  return std::string();
}

// Empties the trash. A blob whose record is still in the catalog was being deleted when the power failed: its
// file is restored.
Result<> Recovery::recover_trash() {
  const auto trashed = parts_.files.trashed();
  if (!trashed) return failure(trashed.error());
  for (const Digest& digest : *trashed) {
    const auto record = parts_.catalog.blob(digest, Reach::disk);
    if (!record) return failure(record.error());
    const bool is_known = *record && !parts_.files.open(digest, (*record)->size);
    const auto done = is_known ? parts_.files.restore(digest) : parts_.files.delete_trashed(digest);
    if (done && !is_known) ++recovered_.files_removed;
    if (done) continue;
    parts_.mark.forgo();
    parts_.log.error("trash_not_emptied", {{"digest", digest.text()}, {"error", done.error().message}});
  }
  return {};
}

Result<> Recovery::recover_partials() {
  const auto partials = parts_.files.partials();
  if (!partials) return failure(partials.error());
  for (const Files::Partial& partial : *partials) {
    const auto record = parts_.catalog.upload(partial.id, Reach::disk);
    const bool is_unreadable = !record && record.error().kind == Error::Kind::corrupt;
    if (!record && !is_unreadable) return failure(record.error());
    if (is_unreadable) {
      parts_.log.error("upload_lost", {{"upload", partial.id}, {"error", record.error().message}});
      partials_.delete_record(partial.id);
    }
    if (is_unreadable || partial.stat.size == 0 || (!*record && !Partials::is_fill_id(partial.id))) {
      ++recovered_.files_removed;
      if (auto removed = parts_.files.delete_partial(partial.id); !removed) return removed;
      continue;
    }
    const std::string route = *record ? (*record)->route : std::string();
    // When bytes came last only the wall clock tells, and that may have been set.
    const Time modified = parts_.clock.of_wall(partial.stat.modified);
    const Time touched = *record ? std::min((*record)->touched_at, parts_.clock.now()) : modified;
    const bool is_abandoned = *record && (*record)->is_abandoned;
    parts_.budget.add_stored(route, partial.stat.size);
    partials_.add(partial.id, {route, partial.stat.size, std::max(modified, touched), is_abandoned});
    ++recovered_.partials;
  }
  return {};
}

// Those without a file, of fills and of sessions of what is a mirror now: nobody continues them.
Result<> Recovery::delete_stale_upload_records() {
  const auto ids = parts_.catalog.queues().upload_ids();
  if (!ids) return failure(ids.error());
  for (const std::string& id : *ids) {
    if (partials_.find(id)) continue;
    const auto record = parts_.catalog.upload(id, Reach::disk);
    const bool is_of_mirror = record && *record && parts_.rules.is_mirror((*record)->route);
    if (Partials::is_fill_id(id) || is_of_mirror) partials_.delete_record(id);
  }
  return {};
}

}  // namespace

Result<Recovered> recover(const Parts& parts, Blobs& blobs, IdlePartials& partials) {
  Recovery recovery(parts, blobs, partials);
  if (auto recovered = recovery.recover(); !recovered) return failure(recovered.error());
  return recovery.recovered();
}

}  // namespace breakwater::store
