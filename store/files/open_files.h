// The blob files that are open: those that somebody reads, and the most recently used few hundred besides, so
// that a hot blob costs no path look-up. Any thread; nothing here touches the disk or blocks for longer than
// a mutex.
//
// Whoever opens a file and whoever deletes it do not wait for each other. So deletions are counted: the
// opener notes the count before it opens, and put_unless_deleted() refuses what may have been deleted since.
// A file that leaves the table is returned rather than closed, because closing a deleted file can take the
// disk a while and the loop takes this mutex.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "store/base/mutex.h"
#include "store/files/blob.h"

namespace breakwater::store {

class OpenFiles {
 public:
  explicit OpenFiles(size_t files_max) : files_max_(files_max) {}

  // Counts as a use.
  std::optional<Blob> find(const Digest& digest);
  // Whether a copy of the blob is held outside of this table.
  bool is_read(const Digest& digest) const;

  void put(const Blob& blob);
  // False, and nothing is put, if something was deleted since `deletions` was read.
  bool put_unless_deleted(const Blob& blob, uint64_t deletions);
  uint64_t deletions() const;

  // Takes the file out, because it is about to be deleted or just was; the caller closes it. Null if it was
  // not open.
  SharedFile take(const Digest& digest);
  // The same, unless somebody reads it: false then.
  bool take_unless_read(const Digest& digest, SharedFile& file);
  // Takes out the files that nobody reads, the least recently used first, at most `count`.
  std::vector<SharedFile> take_idle(size_t count);

 private:
  struct OpenBlob {
    Blob blob;
    std::list<Digest>::iterator use;
  };
  std::vector<SharedFile> put_locked(const Blob& blob) REQUIRES(mutex_);
  std::vector<SharedFile> trim() REQUIRES(mutex_);
  std::vector<SharedFile> take_idle_locked(size_t count) REQUIRES(mutex_);
  SharedFile take_locked(const Digest& digest) REQUIRES(mutex_);

  const size_t files_max_;
  mutable Mutex mutex_;
  std::unordered_map<Digest, OpenBlob, DigestHash> open_ GUARDED_BY(mutex_);
  std::list<Digest> uses_ GUARDED_BY(mutex_);  // most recently used first
  uint64_t deletions_ GUARDED_BY(mutex_) = 0;
};

}  // namespace breakwater::store
