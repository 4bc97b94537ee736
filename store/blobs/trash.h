// The trash holds the files of blobs whose records are deleted. The Budget counts the bytes of each for its
// route until the file is removed.
//
// empty() syncs the catalog before it removes the files, because after a power cut a record must not come
// back without its file. While a Hold lives no file is removed, so that a backup can still copy the blobs
// that its copy of the catalog names.
//
// May block; any thread. Nothing is deleted under its lock.
#pragma once

#include <cstdint>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/references/references.h"

namespace breakwater::store {

class Trash {
 public:
  explicit Trash(const Parts& parts) : parts_(parts) {}

  void add(Trashed blob);
  // Removes all files in the trash, unless a Hold lives: then nothing happens. A file that cannot be removed
  // stays for the next call.
  [[nodiscard]] Result<> empty();
  // Removes the file of one blob at once, without a sync of the catalog, because a mirror can do without the
  // blob. If a Hold lives, or the removal fails, the blob is added to the trash.
  [[nodiscard]] Result<> free(Trashed blob);

  class Hold {
   public:
    explicit Hold(Trash& trash);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Trash& trash_;
  };
  bool is_held() const;
  // Of each blob in it: the bytes on the disk, and whether its file has another name.
  struct Waiting {
    uint64_t bytes = 0;
    bool has_other_name = false;
  };
  std::vector<Waiting> waiting() const;

 private:
  Result<> free_bytes(const Trashed& blob);

  const Parts parts_;
  mutable Mutex mutex_;
  std::vector<Trashed> blobs_ GUARDED_BY(mutex_);
  int holds_ GUARDED_BY(mutex_) = 0;
};

}  // namespace breakwater::store
