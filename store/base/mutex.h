// Locks that clang checks. A declaration says which lock guards a member, and which lock a function needs or
// takes; the clang build fails where the code does otherwise (-Wthread-safety). For other compilers these
// classes are only wrappers of std::mutex, std::shared_mutex and std::condition_variable.
//
//   Mutex mutex_;
//   int count_ GUARDED_BY(mutex_) = 0;
//   void add_locked() REQUIRES(mutex_);                  // for whoever has it
//   void add() { const Lock lock(mutex_); ++count_; }    // takes it
//
// Words: GUARDED_BY and PT_GUARDED_BY on members; REQUIRES (exclusively), REQUIRES_SHARED and EXCLUDES on
// functions; ACQUIRED_AFTER where two may be held at once. See clang's "Thread Safety Analysis".
#pragma once

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define BREAKWATER_THREAD_SAFETY(x) __attribute__((x))
#else
#define BREAKWATER_THREAD_SAFETY(x)
#endif

#define CAPABILITY(name) BREAKWATER_THREAD_SAFETY(capability(name))
#define SCOPED_CAPABILITY BREAKWATER_THREAD_SAFETY(scoped_lockable)
#define GUARDED_BY(mutex) BREAKWATER_THREAD_SAFETY(guarded_by(mutex))
#define PT_GUARDED_BY(mutex) BREAKWATER_THREAD_SAFETY(pt_guarded_by(mutex))
#define ACQUIRED_AFTER(...) BREAKWATER_THREAD_SAFETY(acquired_after(__VA_ARGS__))
#define REQUIRES(...) BREAKWATER_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) BREAKWATER_THREAD_SAFETY(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) BREAKWATER_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) BREAKWATER_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) BREAKWATER_THREAD_SAFETY(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) BREAKWATER_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) BREAKWATER_THREAD_SAFETY(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) BREAKWATER_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE_SHARED(...) BREAKWATER_THREAD_SAFETY(try_acquire_shared_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS BREAKWATER_THREAD_SAFETY(no_thread_safety_analysis)

namespace breakwater::store {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a Mutex for as long as it lives. unlock() and lock() give it up for a while.
class SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() RELEASE() {
    if (is_held_) mutex_.unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void unlock() RELEASE() {
    is_held_ = false;
    mutex_.unlock();
  }
  void lock() ACQUIRE() {
    mutex_.lock();
    is_held_ = true;
  }

 private:
  Mutex& mutex_;
  bool is_held_ = true;
};

// Something that comes true under a Mutex: while (!ready_) changed_.wait(mutex_);
class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  // At most so long; it may end before.
  template <class Duration>
  void wait_for(Mutex& mutex, Duration time) REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    (void)condition_.wait_for(held, time);
    held.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

// Many may share it, or one have it alone.
class CAPABILITY("mutex") SharedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  bool try_lock_shared() TRY_ACQUIRE_SHARED(true) { return mutex_.try_lock_shared(); }
  void unlock_shared() RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class SCOPED_CAPABILITY ExclusiveLock {
 public:
  explicit ExclusiveLock(SharedMutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~ExclusiveLock() RELEASE() { mutex_.unlock(); }
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
  // Of one that is held already.
  SharedLock(SharedMutex& mutex, std::adopt_lock_t /*held*/) REQUIRES_SHARED(mutex) : mutex_(mutex) {}
  ~SharedLock() RELEASE_GENERIC() { mutex_.unlock_shared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace breakwater::store
