// The stored blobs: of each its file, its record and its account, kept in step. Whoever adds, opens or takes
// away a blob comes here; who needs it, References knows.
//
// A blob's life, each step under the lock of its digest:
//
//   commit()    file into its place - record and link - account          (acknowledged, after a sync)
//   open()      a blob whose file turns out to be gone or short is deleted, and absent
//   evict()     a mirror's, for room:      file into the trash - record deleted - bytes freed - account
//   review()    a registry's, when dead:   the same; Trash frees the bytes once the catalog is synced
//   delete_damaged()                       what is not its digest any more
//
// Everything may block, and may be called from any thread, unless it says that it never blocks.
#pragma once

#include <atomic>
#include <cstdint>
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
  // Notes that it was used now. Never blocks.
  void note_use(const Digest& digest);

  // --- adding

  // Ends a fill or an upload: `writer` is verified, and `reservation` covers what it has written. On an error
  // the partial stays, and the reservation is still the caller's.
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
  // A file that is not its digest any more: wrong bytes are not kept, so that a client that has the blob
  // uploads it anew. Until then it is one of Broken, if a registry needs it.
  [[nodiscard]] Result<> delete_damaged(const Digest& digest);
  [[nodiscard]] Result<> delete_damaged(const DigestLock& lock, const Digest& digest);
  // The same; false if it was deleted, or stored anew, since it was read as `blob`.
  [[nodiscard]] Result<bool> delete_damaged_if_unchanged(const UsedBlob& blob);

  uint64_t evicted_total() const { return evicted_; }

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
  template <class WriteRecord>
  Result<Blob> place(const DigestLock& lock, BlobWriter& writer, Reservation& reservation,
                     WriteRecord write_record);
  // While this lives a blob is being committed: its file is in its place, its record maybe not yet written.
  class Committing;

  const Parts parts_;
  Trash& trash_;
  std::atomic<uint64_t> evicted_ = 0;
  Mutex journal_mutex_;
  std::optional<std::vector<Digest>> journal_ GUARDED_BY(journal_mutex_);  // while there is a Journal
  std::multiset<Digest> committing_ GUARDED_BY(journal_mutex_);
};

}  // namespace breakwater::store
