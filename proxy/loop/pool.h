// A bounded number of units that holders share: bytes of memory, or requests at once. What there is not is
// waited for, first come, first served, up to a deadline. A Pool may be a share of another, its whole: what
// is reserved from a share counts in the whole too, and waits for the whole when the share allows it.
//
//   auto held = co_await pool.reserve_until(4096, deadline);
//   if (held.units() == 0) …   // the deadline has passed
//
// Belongs to the loop's thread. A whole outlives its shares, and a Pool what is reserved from it.
#pragma once

#include <cstdint>
#include <list>
#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace breakwater::proxy {

class Pool;

// Units that count against the bound; the destructor gives them back.
class PoolReservation {
 public:
  PoolReservation() = default;
  PoolReservation(PoolReservation&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), units_(std::exchange(other.units_, 0)) {}
  PoolReservation& operator=(PoolReservation&& other) noexcept;
  ~PoolReservation() { shrink(0); }
  uint64_t units() const { return units_; }
  void shrink(uint64_t units);  // Keeps at most `units` and gives back the rest.

 private:
  friend class Pool;
  PoolReservation(Pool& pool, uint64_t units) : pool_(&pool), units_(units) {}
  Pool* pool_ = nullptr;
  uint64_t units_ = 0;
};

class Pool {
 public:
  // `whole`: of which this is a share; null: of none.
  Pool(Loop& loop, uint64_t units_max, Pool* whole = nullptr)
      : loop_(loop), whole_(whole), units_max_(units_max), freed_(loop) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // An empty reservation (units() == 0) if the bound does not allow `units` now, or others wait for theirs.
  // More than the bound is allowed when nothing else is reserved, because it would else wait for ever.
  PoolReservation try_reserve(uint64_t units);
  // Waits until the bound allows it.
  Task<PoolReservation> reserve(uint64_t units) { return reserve_until(units, Moment::max()); }
  // The same, but gives up at the deadline, with an empty reservation.
  Task<PoolReservation> reserve_until(uint64_t units, Moment deadline);
  // Passes the bound if need be. This is for what is there already: it counts, so others wait until it is
  // gone, but its holder does not. A holder that waited could wait for ever.
  PoolReservation reserve_over_limit(uint64_t units);
  Signal& freed() { return freed_; }  // Rings when try_reserve() may succeed where it did not.

  uint64_t units() const { return units_; }
  uint64_t units_max() const { return units_max_; }
  size_t waiting() const { return queue_.size(); }

 private:
  friend class PoolReservation;
  class Place;
  bool fits(uint64_t units) const { return units_ + units <= units_max_ || units_ == 0; }
  void release(uint64_t units);
  void wake_first();

  Loop& loop_;
  Pool* const whole_;
  const uint64_t units_max_;
  uint64_t units_ = 0;
  std::list<Place*> queue_;  // the longest waiting first
  Signal freed_;
};

}  // namespace breakwater::proxy
