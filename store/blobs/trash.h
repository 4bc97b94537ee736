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
  // A blob that was freed: what it took of the disk, and whether its file had another name.
  struct Freed {
    uint64_t bytes = 0;
    bool had_other_name = false;
  };
  // Removes all files in the trash, and waits for those that another thread is just removing, unless a Hold
  // lives: then nothing happens. A file that cannot be removed stays for the next call, and is the error; the
  // others go. Each blob that this call has freed is appended to `freed`, if that is not null.
  [[nodiscard]] Result<> empty(std::vector<Freed>* freed = nullptr);
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
  uint64_t holds_ended() const;  // how many there were

 private:
  Result<> free_bytes(const Trashed& blob);

  const Parts parts_;
  mutable Mutex mutex_;
  std::vector<Trashed> blobs_ GUARDED_BY(mutex_);
  int holds_ GUARDED_BY(mutex_) = 0;
  uint64_t holds_ended_ GUARDED_BY(mutex_) = 0;
  Condition emptied_;
  bool is_emptying_ GUARDED_BY(mutex_) = false;
};

}  // namespace breakwater::store
