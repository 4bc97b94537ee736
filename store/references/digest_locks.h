// One change at a time for a digest: whoever changes what is true of a blob as a whole - its file, its
// record, its account - holds the digest's lock. A function that wants it held takes the DigestLock, so that
// it cannot be called without one.
//
// Many digests share one of the 64 locks, and no thread holds two. A digest's lock is taken before every
// other lock of the store. Under a digest's lock files may be renamed; a file or the catalog is synced only
// if the request that waits for the sync is about that same digest. A reservation is made before the lock is
// taken, because making room takes the locks of other digests.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>

#include "store/base/digest.h"
#include "store/base/mutex.h"

namespace breakwater::store {

class DigestLock {
 public:
  ~DigestLock() NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  DigestLock(const DigestLock&) = delete;
  DigestLock& operator=(const DigestLock&) = delete;

 private:
  friend class DigestLocks;
  explicit DigestLock(Mutex& mutex) NO_THREAD_SAFETY_ANALYSIS : mutex_(mutex) { mutex_.lock(); }
  Mutex& mutex_;
};

class DigestLocks {
 public:
  static constexpr size_t kLocks = 64;

  DigestLock lock(const Digest& digest) { return DigestLock(locks_[index_of(digest)]); }

  // For whoever changes many digests in one batch: those with the same index share a lock.
  static size_t index_of(const Digest& digest) { return DigestHash()(digest) % kLocks; }
  DigestLock lock(size_t index) { return DigestLock(locks_[index]); }

 private:
  std::array<Mutex, kLocks> locks_;
};

}  // namespace breakwater::store
