// Who may take how many bytes. Bytes are reserved before they are received, so that no bound is passed at any
// instant, not even by many at once; a Reservation gives back what was not committed when it ends.
//
//   reserve() --grow()--> … --commit()--> stored bytes  --release()--> free
//        `-- ~Reservation(): free
//
// Each route and the whole store have a bound. Sizes are counted as the disk does, in whole blocks: see
// on_disk(). The catalog's own files count towards the whole, as last measured (set_overhead), and what the
// file system has left is a bound of the whole too (set_disk_bound). May be called from any thread; never
// blocks for longer than a mutex. Reservations must end before the Budget does.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "store/base/disk.h"
#include "store/base/mutex.h"
#include "store/base/result.h"

namespace breakwater::store {

class Budget;

class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  // Makes the reservation at least `size` bytes (of content; rounded to blocks). `full` if there is no room:
  // what was held stays held.
  [[nodiscard]] Result<> grow(uint64_t size);
  // Gives back what is reserved beyond `size` bytes of content.
  void shrink(uint64_t size);
  // `size` bytes of content are stored now; what was reserved beyond is given back.
  void commit(uint64_t size);
  uint64_t held() const { return held_; }  // bytes on disk
  const std::string& route() const { return route_; }
  bool is_open() const { return budget_ != nullptr; }  // neither committed nor moved from

 private:
  friend class Budget;
  Reservation(Budget& budget, std::string route) : budget_(&budget), route_(std::move(route)) {}
  Budget* budget_ = nullptr;
  std::string route_;
  uint64_t held_ = 0;
};

class Budget {
 public:
  static constexpr uint64_t kUnbounded = UINT64_MAX;

  explicit Budget(uint64_t bytes_max) : whole_{bytes_max, 0, 0} {}
  void set_bound(const std::string& route, uint64_t bytes_max);

  // `full` names the bound that is reached and how full it is.
  [[nodiscard]] Result<Reservation> reserve(const std::string& route, uint64_t size);

  // What reserve() would say now. Nothing is reserved.
  [[nodiscard]] Result<> check(const std::string& route, uint64_t size) const;

  // Counts bytes that are on the disk already, whatever the bound says; and stops counting bytes that are not
  // there any more, or that another route has taken over.
  void add_stored(const std::string& route, uint64_t size);
  void release(const std::string& route, uint64_t size);
  // Removes the account of a route that has nothing on it and no bound.
  void forget(const std::string& route);
  void set_overhead(uint64_t bytes);
  // Keeps `bytes` of the configured bound free, because the overhead may grow by as much until it is measured
  // again.
  void set_headroom(uint64_t bytes);
  uint64_t overhead() const;
  uint64_t headroom() const;
  // What all our files together may take before the file system is full, whatever the configured bound says.
  void set_disk_bound(uint64_t bytes_max);

  // Turns `size` stored bytes of the route `from` into a reservation of the route `to`, when a partial is
  // resumed. `full` if the bytes do not fit into the bound of `to`; nothing has changed then.
  [[nodiscard]] Result<Reservation> reclaim(const std::string& from, const std::string& to, uint64_t size);

  // While one lives a file is being deleted whose bytes are still on an account: what the disk has left then
  // must not be added to what is stored. Counted, so that who asks the disk knows of one that came in
  // between.
  class Deletion {
   public:
    explicit Deletion(Budget& budget) : budget_(budget) { ++budget_.deleting_; }
    ~Deletion() {
      ++budget_.deletions_;
      --budget_.deleting_;
    }
    Deletion(const Deletion&) = delete;
    Deletion& operator=(const Deletion&) = delete;

   private:
    Budget& budget_;
  };
  bool is_deleting() const { return deleting_ > 0; }
  uint64_t deletions() const { return deletions_; }  // that have ended

  struct Use {
    uint64_t bytes_max = kUnbounded;
    uint64_t stored = 0;    // bytes on disk, committed
    uint64_t reserved = 0;  // bytes on disk, promised to what is being received
    uint64_t taken() const { return stored + reserved; }
  };
  Use whole() const;
  // How often more was given back than an account held. It never should be: the account is 0 then, and what
  // is stored in truth may be more than is counted, until the next start counts anew.
  uint64_t accounting_errors() const { return accounting_errors_; }
  Use of(const std::string& route) const;
  std::map<std::string, Use> routes() const;

  // How many bytes must go from `route` (first) and from the whole (second) before `size` more fit; 0 and 0
  // if they fit now.
  struct Shortage {
    uint64_t route = 0;
    uint64_t whole = 0;
  };
  Shortage shortage(const std::string& route, uint64_t size) const;
  bool has_room(const std::string& route, uint64_t size) const;  // no shortage

 private:
  friend class Reservation;
  Result<> take(const std::string& route, uint64_t bytes);
  void give_back(const std::string& route, uint64_t bytes);
  void settle(const std::string& route, uint64_t held, uint64_t stored);
  void take_away(uint64_t& from, uint64_t bytes) REQUIRES(mutex_);
  uint64_t whole_bound() const REQUIRES(mutex_);
  uint64_t whole_taken() const REQUIRES(mutex_);
  Result<> check_route(const std::string& route, uint64_t bytes) const REQUIRES(mutex_);
  Result<> check_whole(uint64_t bytes) const REQUIRES(mutex_);

  std::atomic<int> deleting_ = 0;
  std::atomic<uint64_t> deletions_ = 0;
  std::atomic<uint64_t> accounting_errors_ = 0;
  mutable Mutex mutex_;
  Use whole_ GUARDED_BY(mutex_);
  uint64_t overhead_ GUARDED_BY(mutex_) = 0;
  uint64_t headroom_ GUARDED_BY(mutex_) = 0;
  uint64_t disk_bound_ GUARDED_BY(mutex_) = kUnbounded;
  std::map<std::string, Use> routes_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::store
