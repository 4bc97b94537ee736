// One change at a time for a digest: whoever changes what is true of a blob as a whole - its file, its
// record, its account - holds the digest's lock. A function that wants it held takes the DigestLock, so that
// it cannot be called without one.
//
// Many digests share one of the locks, and no thread takes two. A digest's lock comes before every other lock
// of the store; files may be renamed under it and synced only where one waits for that very digest.
// Reservations are taken before it, because room is made by changing other digests.
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
