// A copy of the store that is made while it is used, and that a store can be opened on.
//
//   every blob, however long that takes  -  those that were committed meanwhile, until they are few  -  the
//   catalog as it is at one moment  -  the last few
//
// What the copy's catalog names is in the copy: while its last part is made nothing that was collected is
// freed (Trash), and a journal tells what was committed. Nobody waits for a backup, but whoever lacks the
// room that is in the trash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

class Blobs;
class Trash;

struct BackedUp {
  uint64_t blobs = 0, bytes = 0;
};

class Backup {
 public:
  Backup(const Parts& parts, Blobs& blobs, Trash& trash) : parts_(parts), blobs_(blobs), trash_(trash) {}

  // Writes to the folder `to`, which is not there yet. `conflict` if it is, or if another backup is being
  // made; `unavailable` if it is told to stop. Any thread.
  [[nodiscard]] Result<BackedUp> back_up(const std::filesystem::path& to, const std::stop_token& stop);

 private:
  const Parts parts_;
  Blobs& blobs_;
  Trash& trash_;
  Mutex mutex_;
  bool is_running_ GUARDED_BY(mutex_) = false;
};

}  // namespace breakwater::store
