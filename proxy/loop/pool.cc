#include "proxy/loop/pool.h"

namespace breakwater::proxy {

// A place in the queue, for as long as its holder waits. When it is left the next one's turn has come.
class Pool::Place {
 public:
  explicit Place(Pool& pool)
      : pool_(pool), turn_(pool.loop_), at_(pool.queue_.insert(pool.queue_.end(), this)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    pool_.queue_.erase(at_);
    pool_.wake_first();
    if (pool_.queue_.empty()) pool_.freed_.ring();
  }

  bool is_first() const { return pool_.queue_.front() == this; }
  Signal& turn() { return turn_; }

 private:
  Pool& pool_;
  Signal turn_;
  std::list<Place*>::iterator at_;
};

PoolReservation& PoolReservation::operator=(PoolReservation&& other) noexcept {
  if (this == &other) return *this;
  shrink(0);
  pool_ = std::exchange(other.pool_, nullptr);
  units_ = std::exchange(other.units_, 0);
  return *this;
}

void PoolReservation::shrink(uint64_t units) {
  if (pool_ == nullptr || units >= units_) return;
  pool_->release(units_ - units);
  units_ = units;
}

PoolReservation Pool::try_reserve(uint64_t units) {
  for (const Pool* pool = this; pool != nullptr; pool = pool->whole_) {
    if (!pool->queue_.empty() || !pool->fits(units)) return {};
  }
  return reserve_over_limit(units);
}

PoolReservation Pool::reserve_over_limit(uint64_t units) {
  for (Pool* pool = this; pool != nullptr; pool = pool->whole_) pool->units_ += units;
  return PoolReservation(*this, units);
}

// Keeps its turn here while it waits for the whole. Nothing is counted before both have room.
Task<PoolReservation> Pool::reserve_until(uint64_t units, Moment deadline) {
  PoolReservation reserved = try_reserve(units);
  if (reserved.units() == units) co_return reserved;
  Place place(*this);
  while (!place.is_first() || !fits(units)) {
    if (loop_.now() >= deadline) co_return PoolReservation();
    if (deadline == Moment::max())
      co_await place.turn().wait();
    else
      co_await place.turn().wait_until(deadline);
  }
  if (whole_ != nullptr) {
    auto of_whole = co_await whole_->reserve_until(units, deadline);
    if (of_whole.units() != units) co_return PoolReservation();
  }
  co_return reserve_over_limit(units);
}

void Pool::release(uint64_t units) {
  for (Pool* pool = this; pool != nullptr; pool = pool->whole_) {
    pool->units_ -= units;
    if (units == 0) continue;
    pool->wake_first();
    pool->freed_.ring();
  }
}

void Pool::wake_first() {
  if (!queue_.empty()) queue_.front()->turn().ring();
}

}  // namespace breakwater::proxy
