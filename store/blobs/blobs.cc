#include "store/blobs/blobs.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "store/base/disk.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/digest_locks.h"
#include "store/references/leases.h"
#include "store/references/liveness.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/references/use_times.h"

namespace breakwater::store {

// --- opening

Result<Blob> Blobs::open(const Digest& digest) {
  if (auto warm = parts_.files.open_if_warm(digest)) return *std::move(warm);
  // Under the lock, so that a blob that is just being replaced is not taken for a lost one.
  const DigestLock lock = parts_.locks.lock(digest);
  const auto record = parts_.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return failure(Error::Kind::not_found, "no blob " + digest.text());
  auto blob = parts_.files.open(digest, (*record)->size);
  if (blob) return blob;
  const Error::Kind kind = blob.error().kind;
  if (kind != Error::Kind::not_found && kind != Error::Kind::corrupt) return blob;
  parts_.log.error("blob_lost", {{"digest", digest.text()}, {"error", blob.error().message}});
  if (auto deleted = delete_damaged(lock, digest); !deleted) return failure(deleted.error());
  return failure(Error::Kind::not_found, blob.error().message);
}

Result<std::string> Blobs::bytes(const Digest& digest) {
  const auto blob = open(digest);
  if (!blob) return failure(blob.error());
  auto bytes = parts_.files.read(*blob);
  if (!bytes || digest_of(digest.algorithm(), *bytes) == digest) return bytes;
  // Read again under the lock: a push may have replaced it by a right one.
  const DigestLock lock = parts_.locks.lock(digest);
  const auto again = parts_.files.open(digest, blob->size);
  if (!again) return failure(again.error());
  // From the disk: what is wrong in memory alone does not count.
  parts_.disk.drop_resident(*again->file, 0, again->size);
  bytes = parts_.files.read(*again);
  if (!bytes || digest_of(digest.algorithm(), *bytes) == digest) return bytes;
  parts_.log.error("blob_corrupt", {{"digest", digest.text()}});
  if (auto deleted = delete_damaged(lock, digest); !deleted) return failure(deleted.error());
  return failure(Error::Kind::corrupt, "the stored " + digest.text() + " does not match its digest any more");
}

Result<Blob> Blobs::open_if_warm(const Digest& digest) {
  if (auto warm = parts_.files.open_if_warm(digest)) return *std::move(warm);
  const auto record = parts_.catalog.blob(digest, Reach::memory);
  if (!record) return failure(record.error());
  if (!*record) return failure(Error::Kind::not_found, "no blob " + digest.text());
  return failure(Error::Kind::would_block, "blob " + digest.text() + " is not open");
}

Result<Blob> Blobs::lease(const RepositoryKey& repository, const Digest& digest, Reach reach,
                          Leases::Kind kind) {
  const auto ticket = parts_.leases.take(digest, kind, repository, reach);
  if (!ticket) return failure(Error::Kind::would_block, digest.text() + " is being collected");
  const auto find = [&]() -> Result<Blob> {
    const auto served = may_serve(parts_.catalog, repository, digest, reach);
    if (!served) return failure(served.error());
    if (!*served)
      return failure(Error::Kind::not_found, repository.repository + " has no blob " + digest.text());
    return reach == Reach::memory ? open_if_warm(digest) : open(digest);
  };
  auto blob = find();
  if (!blob) parts_.leases.undo(digest, *ticket);
  if (blob) note_use(digest);
  return blob;
}

Result<bool> Blobs::mount(const RepositoryKey& to, const std::string& from, const Digest& digest) {
  // Opened first: of a file that is gone no client must be told.
  if (const auto blob = open(digest); !blob) {
    if (blob.error().kind == Error::Kind::not_found) return false;
    return failure(blob.error());
  }
  return parts_.references.mount(to, from, digest);
}

void Blobs::note_use(const Digest& digest) { parts_.use_times.note(digest); }

// --- adding

Result<Blob> Blobs::commit(BlobWriter& writer, Reservation& reservation, const RepositoryKey& repository,
                           Durability durability) {
  assert(writer.verified() && reservation.is_open());
  if (auto synced = writer.sync(); !synced) return failure(synced.error());
  const Digest digest = *writer.verified();
  const DigestLock lock = parts_.locks.lock(digest);
  return place(lock, writer, reservation,
               [&](const BlobRecord& record, const std::optional<BlobRecord>& previous) {
                 return parts_.references.add_blob(lock, digest, record, previous, repository, writer.id(),
                                                   durability);
               });
}

Result<Blob> Blobs::commit_manifest_bytes(const DigestLock& lock, BlobWriter& writer,
                                          Reservation& reservation, std::optional<Time> review_after) {
  const Digest digest = *writer.verified();
  return place(lock, writer, reservation,
               [&](const BlobRecord& record, const std::optional<BlobRecord>& previous) {
                 return parts_.references.add_manifest_bytes(lock, digest, record, previous, review_after);
               });
}

// Tells the journal of a commit before the blob's record is written. So every blob whose record is in a
// backup's copy of the catalog is in the journal: either the journal existed already and gets the digest
// here, or it is created later and takes over all commits that have not ended.
class Blobs::Committing {
 public:
  Committing(Blobs& blobs, const Digest& digest) : blobs_(blobs), digest_(digest) {
    const Lock lock(blobs_.journal_mutex_);
    blobs_.committing_.insert(digest);
    if (blobs_.journal_) blobs_.journal_->push_back(digest);
  }
  ~Committing() {
    const Lock lock(blobs_.journal_mutex_);
    blobs_.committing_.erase(blobs_.committing_.find(digest_));
  }
  Committing(const Committing&) = delete;
  Committing& operator=(const Committing&) = delete;

 private:
  Blobs& blobs_;
  const Digest digest_;
};

// `write_record(record, previous)` makes it true in the catalog.
template <class WriteRecord>
Result<Blob> Blobs::place(const DigestLock&, BlobWriter& writer, Reservation& reservation,
                          WriteRecord write_record) {
  const Digest digest = *writer.verified();
  const auto previous = parts_.catalog.blob(digest, Reach::disk);
  if (!previous) return failure(previous.error());
  // A blob that counts for a registry's bound stays there, so that it is not evicted like a mirror's.
  const bool is_kept = *previous && !parts_.rules.is_mirror((*previous)->route);
  const Time now = parts_.clock.now();
  const BlobRecord record{writer.written(), is_kept ? (*previous)->route : reservation.route(), now, now,
                          is_kept ? (*previous)->client : writer.client()};
  // The new file replaces the one before, whose bytes stay on their account until the end.
  std::optional<Budget::Deletion> deletion;
  if (*previous) deletion.emplace(parts_.budget);
  auto blob = writer.commit();
  if (!blob) return blob;
  const Committing committing(*this, digest);
  if (auto written = write_record(record, *previous); !written) {
    // Without an earlier record the file would have no record, so it is deleted. With one the file stays: the
    // record describes it.
    if (!*previous && !parts_.files.delete_blob(digest)) parts_.mark.forgo();
    return failure(written.error());
  }
  if (!*previous && !parts_.rules.is_mirror(record.route)) parts_.leases.note_new(digest);
  parts_.broken.heal(digest);
  writer.leave_account();
  reservation.commit(is_kept ? 0 : record.size);
  if (*previous && !is_kept) parts_.budget.release((*previous)->route, (*previous)->size);
  return blob;
}

// --- taking away

Result<bool> Blobs::evict(const Digest& digest) {
  std::optional<Trashed> trashed;
  {
    const DigestLock lock = parts_.locks.lock(digest);
    auto evicted = parts_.references.evict(lock, digest);
    if (!evicted) return failure(evicted.error());
    trashed = *std::move(evicted);
  }
  if (!trashed) return false;
  note_evicted(*trashed);
  if (auto freed = trash_.free(*std::move(trashed)); !freed) return failure(freed.error());
  return true;
}

void Blobs::note_evicted(const Trashed& trashed) {
  const auto unused = std::max(parts_.clock.now() - trashed.used_at, Time::duration());
  {
    const Lock lock(evicted_mutex_);
    Evicted& evicted = evicted_[trashed.route];
    ++evicted.blobs;
    evicted.bytes += trashed.bytes;
    evicted.unused = unused;
    evicted.last_at = parts_.clock.wall();
  }
  parts_.log.debug("blob_evicted",
                   {{"digest", trashed.digest.text()},
                    {"route", trashed.route},
                    {"bytes", static_cast<int64_t>(trashed.bytes)},
                    {"unused_s", std::chrono::duration_cast<std::chrono::seconds>(unused).count()}});
}

std::map<std::string, Blobs::Evicted> Blobs::evicted() const {
  const Lock lock(evicted_mutex_);
  return evicted_;
}

// `take(take_room)` takes a blob away, or hands it to a route for which `take_room` finds room.
template <class Take>
Result<References::Reviewed> Blobs::take_away(const Take& take) {
  Reservation given;  // of the route that takes over the blob
  BlobRecord giver;
  const auto take_room = [&](const BlobRecord& record, const std::string& taker) {
    auto taken = parts_.budget.reclaim(record.route, taker, record.size);
    if (!taken) return false;
    given = *std::move(taken);
    giver = record;
    return true;
  };
  auto reviewed = take(take_room);
  if (reviewed && reviewed->given_to) given.commit(giver.size);
  if (!reviewed && given.is_open()) parts_.budget.add_stored(giver.route, giver.size);
  if (!reviewed) return reviewed;
  if (reviewed->blob) trash_.add(*reviewed->blob);
  return reviewed;
}

Result<References::Reviewed> Blobs::review(const Review& review, References::For purpose) {
  const DigestLock lock = parts_.locks.lock(review.digest);
  return take_away([&](const References::TakeRoom& take_room) {
    return parts_.references.review(lock, review, purpose, take_room);
  });
}

Result<References::Reviewed> Blobs::leave_account(const Digest& digest, const std::string& route) {
  const DigestLock lock = parts_.locks.lock(digest);
  return take_away([&](const References::TakeRoom& take_room) {
    return parts_.references.leave_account(lock, digest, route, take_room);
  });
}

Result<> Blobs::delete_damaged(const Digest& digest) {
  const DigestLock lock = parts_.locks.lock(digest);
  return delete_damaged(lock, digest);
}

Result<bool> Blobs::delete_damaged_if_unchanged(const UsedBlob& blob) {
  const DigestLock lock = parts_.locks.lock(blob.digest);
  const auto record = parts_.catalog.blob(blob.digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || (*record)->stored_at != blob.record.stored_at) return false;
  if (auto deleted = delete_damaged(lock, blob.digest); !deleted) return failure(deleted.error());
  return true;
}

Result<> Blobs::delete_damaged(const DigestLock& lock, const Digest& digest) {
  const auto record = parts_.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  const Budget::Deletion deletion(parts_.budget);
  auto deleted = parts_.files.delete_blob(digest);
  if (deleted || deleted.error().kind == Error::Kind::not_found) {
    deleted = parts_.references.note_lost(lock, digest, *record);
  }
  if (!deleted) parts_.mark.forgo();
  if (deleted && *record) parts_.budget.release((*record)->route, (*record)->size);
  return deleted;
}

Result<bool> Blobs::take_back(const std::string& route, const Digest& digest) {
  // Hashed before the lock is taken: what is at a digest's place is replaced by equal bytes only.
  const auto is = parts_.files.hash(digest);
  if (!is && is.error().kind == Error::Kind::not_found) return false;
  if (!is) return failure(is.error());
  if (*is != digest) return false;
  const DigestLock lock = parts_.locks.lock(digest);
  const auto record = parts_.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  const auto found = parts_.files.stat(digest);
  if (*record || !found) return false;
  const Time now = parts_.clock.now();
  const BlobRecord again{found->size, route, now, now};
  const Committing committing(*this, digest);
  auto written =
      parts_.references.add_manifest_bytes(lock, digest, again, std::nullopt, now + parts_.rules.lease());
  if (!written) return failure(written.error());
  parts_.budget.add_stored(route, again.size);
  parts_.broken.heal(digest);
  parts_.log.warning("blob_back", {{"digest", digest.text()}, {"route", route}});
  return true;
}

// --- the journal

Blobs::Journal::Journal(Blobs& blobs) : blobs_(blobs) {
  const Lock lock(blobs_.journal_mutex_);
  assert(!blobs_.journal_);
  blobs_.journal_.emplace(blobs_.committing_.begin(), blobs_.committing_.end());
}

Blobs::Journal::~Journal() {
  const Lock lock(blobs_.journal_mutex_);
  blobs_.journal_.reset();
}

std::vector<Digest> Blobs::Journal::take() {
  const Lock lock(blobs_.journal_mutex_);
  return std::exchange(*blobs_.journal_, {});
}

}  // namespace breakwater::store
