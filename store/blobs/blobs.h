// Blobs adds, opens and takes away stored blobs, and keeps the three sides of each blob in step: its file,
// its record in the catalog, and its bytes in the Budget. References knows who needs a blob.
//
// The life of a blob. File and record change under the lock of the blob's digest:
//
//   commit()          file into its place, record and link written, bytes counted
//   open()            opens the file; if the file is gone or short, the record is deleted too: `not_found`
//   evict()           a mirror's blob, for room: file into the trash, record deleted, then Trash frees the
//                     bytes at once, after the lock is released
//   review()          a registry's blob, if it is dead: file into the trash, record deleted; Trash frees the
//                     bytes later, once the catalog is synced
//   delete_damaged()  a file whose bytes no longer match the digest: file and record deleted
//
// Everything may block, and may be called from any thread, unless it says that it never blocks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"
#include "store/files/blob.h"
#include "store/references/leases.h"
#include "store/references/references.h"

namespace breakwater::store {

class BlobWriter;
class DigestLock;
class Reservation;
class Trash;

class Blobs {
 public:
  Blobs(const Parts& parts, Trash& trash) : parts_(parts), trash_(trash) {}

  // --- opening

  // `not_found` if there is none, also when its file turned out to be gone or short.
  [[nodiscard]] Result<Blob> open(const Digest& digest);
  // As open(), but only if no disk is needed: `would_block` else. Never blocks.
  [[nodiscard]] Result<Blob> open_if_warm(const Digest& digest);
  // A blob that `repository` may serve, leased: it is not collected under the client that is told of it.
  // `not_found` else; `would_block` if memory does not tell. Never blocks for Reach::memory.
  [[nodiscard]] Result<Blob> lease(const RepositoryKey& repository, const Digest& digest, Reach reach,
                                   Leases::Kind kind = Leases::Kind::read);
  // As References::mount(), of a blob whose file is there.
  [[nodiscard]] Result<bool> mount(const RepositoryKey& to, const std::string& from, const Digest& digest);
  // All bytes of a small blob, hashed: if they are not `digest`, the stored file is deleted and the error is
  // `corrupt`. `not_found` if there is none.
  [[nodiscard]] Result<std::string> bytes(const Digest& digest);
  // Notes that it was used now. Never blocks.
  void note_use(const Digest& digest);

  // --- adding

  // Turns a finished fill or upload into a stored blob. The caller has verified `writer`, and `reservation`
  // covers all that was written. On an error the partial file stays (unless the file had moved already), and
  // the reservation is still the caller's.
  [[nodiscard]] Result<Blob> commit(BlobWriter& writer, Reservation& reservation,
                                    const RepositoryKey& repository, Durability durability);
  // The same for the bytes of a manifest, as References::add_manifest_bytes().
  [[nodiscard]] Result<Blob> commit_manifest_bytes(const DigestLock& lock, BlobWriter& writer,
                                                   Reservation& reservation,
                                                   std::optional<Time> review_after);

  // --- taking away

  // A mirror's blob goes, for room. False if it stays: somebody reads it, or a registry has come to need it.
  [[nodiscard]] Result<bool> evict(const Digest& digest);
  // Finds out whether anything needs the digest, and takes away what is dead of it. Reviews that are not due
  // by the lease are postponed.
  [[nodiscard]] Result<References::Reviewed> review(const Review& review, References::For purpose);
  // As References::leave_account(): the blob leaves the account of `route`, which is not configured any more.
  [[nodiscard]] Result<References::Reviewed> leave_account(const Digest& digest, const std::string& route);
  // Deletes a blob whose file does not match its digest any more, or is gone, so that a client that has the
  // blob uploads it again. Until then Broken lists the blob, if a registry needs it.
  [[nodiscard]] Result<> delete_damaged(const Digest& digest);
  [[nodiscard]] Result<> delete_damaged(const DigestLock& lock, const Digest& digest);
  // The same, but only if the blob's record is still the one in `blob`. False if the blob was deleted or
  // stored anew since that was read.
  [[nodiscard]] Result<bool> delete_damaged_if_unchanged(const UsedBlob& blob);

  // Takes back a blob whose record was deleted because its file was gone, and whose file is there now: on the
  // account of `route`. False if there is no such file, or its bytes are others.
  [[nodiscard]] Result<bool> take_back(const std::string& route, const Digest& digest);

  // What went to make room, of each route.
  struct Evicted {
    uint64_t blobs = 0, bytes = 0;
    Time::duration unused{};  // how long nobody had used the last one
    Time last_at{};           // wall clock: when that went
  };
  std::map<std::string, Evicted> evicted() const;

  // --- for a backup: the blobs that are committed while a Journal lives, or were about to be when it was
  // made

  class Journal {
   public:
    explicit Journal(Blobs& blobs);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    std::vector<Digest> take();  // those since it was made, or since the last take()

   private:
    Blobs& blobs_;
  };

 private:
  void note_evicted(const Trashed& trashed);
  template <class Take>
  Result<References::Reviewed> take_away(const Take& take);
  template <class WriteRecord>
  Result<Blob> place(const DigestLock& lock, BlobWriter& writer, Reservation& reservation,
                     WriteRecord write_record);
  // While this lives a blob is being committed: its file is in its place, its record maybe not yet written.
  class Committing;

  const Parts parts_;
  Trash& trash_;
  mutable Mutex evicted_mutex_;
  std::map<std::string, Evicted> evicted_ GUARDED_BY(evicted_mutex_);
  Mutex journal_mutex_;
  std::optional<std::vector<Digest>> journal_ GUARDED_BY(journal_mutex_);  // while there is a Journal
  std::multiset<Digest> committing_ GUARDED_BY(journal_mutex_);
};

}  // namespace breakwater::store
