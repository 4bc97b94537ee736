// A backup is a copy of the data folder that is made while the store is in use, and that a store can be
// opened on. It is made in these steps:
//
//   1. All blobs are linked or copied, however long that takes.
//   2. The blobs that were committed meanwhile follow (Blobs::Journal), until only a few are left.
//   3. The trash is held (Trash::Hold), and the catalog is copied as it is at one moment.
//   4. The blobs that were committed before that moment follow, and the trash is released.
//
// So every blob that the copied catalog names is in the copy. Nobody waits for a backup, except a request
// that needs the room of what is in the trash during steps 3 and 4.
#pragma once

#include <atomic>
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
  Backup(const Parts& parts, Blobs& blobs, Trash& trash);

  // Writes to the folder `to`, which is not there yet. `conflict` if it is, if it would be in the data
  // folder, or if another backup is being made; `unavailable` if it is told to stop. `bytes` says how
  // much is in the copy so far, if anybody wants to know. Any thread.
  [[nodiscard]] Result<BackedUp> back_up(const std::filesystem::path& to, const std::stop_token& stop,
                                         std::atomic<uint64_t>* bytes = nullptr);

  // When the last one was made, by the wall clock, also by another process before this; the epoch if none
  // was. Never blocks.
  Time last() const { return Time(Time::duration(last_)); }

 private:
  class Turn;
  void note(Time at);
  const Parts parts_;
  Blobs& blobs_;
  Trash& trash_;
  std::atomic<Time::rep> last_ = 0;
  Mutex mutex_;
  bool is_running_ GUARDED_BY(mutex_) = false;
};

}  // namespace breakwater::store
