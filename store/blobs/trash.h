// Blobs that have left the catalog and whose bytes are not free yet. Each stays on its route's account until
// they are.
//
// A collected blob is freed only when it is sure that no power cut brings back a record of it: empty() syncs
// the catalog before. While somebody holds the trash nothing in it is freed, so that what was in the catalog
// a moment ago can still be copied: a backup does so.
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
  // Frees all that is in it, now. What cannot be freed stays, for another time.
  [[nodiscard]] Result<> empty();
  // Frees one that need not wait for the catalog's sync. If that fails, or the trash is held, it is added.
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
