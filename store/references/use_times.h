// When blobs were last used: noted in memory and written to their records now and then, so that a pull costs
// no write. Eviction goes by it. Any thread.
#pragma once

#include <unordered_map>

#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/catalog/catalog.h"
#include "store/references/digest_locks.h"

namespace breakwater::store {

class UseTimes {
 public:
  // What it borrows outlives it.
  UseTimes(Catalog& catalog, DigestLocks& locks, const Clock& clock, Log& log)
      : catalog_(catalog), locks_(locks), clock_(clock), log_(log) {}

  // The blob was used now. Never blocks.
  void note(const Digest& digest);
  // Writes what was noted. A use that cannot be written makes its blob look older than it is, and nothing
  // worse.
  [[nodiscard]] Result<> flush();

 private:
  void add(Batch& batch, const Digest& digest, Time used_at);

  Catalog& catalog_;
  DigestLocks& locks_;
  const Clock& clock_;
  Log& log_;
  Mutex mutex_;
  std::unordered_map<Digest, Time, DigestHash> noted_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::store
