#include "store/capacity/capacity.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/capacity/disk_bound.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kSizeMax = UINT64_MAX / 2;  // an upstream may name any length
// Others take of what was made free, too: after so many tries there is no room.
constexpr int kTriesMax = 4;
constexpr int64_t kTakenByOthersRetryS = 1;

}  // namespace

class Capacity::Turn {
 public:
  explicit Turn(Capacity& capacity) : capacity_(capacity) {
    const Lock lock(capacity_.mutex_);
    while (capacity_.is_making_room_) capacity_.turn_ended_.wait(capacity_.mutex_);
    capacity_.is_making_room_ = true;
  }
  ~Turn() {
    const Lock lock(capacity_.mutex_);
    capacity_.is_making_room_ = false;
    capacity_.turn_ended_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Capacity& capacity_;
};

Result<Reservation> Capacity::reserve(const std::string& route, uint64_t size, Effort effort) {
  std::optional<Reservation> reservation;
  const auto take_it = [&]() -> Result<> {
    auto taken = budget_.reserve(route, size);
    if (!taken) return failure(taken.error());
    reservation = *std::move(taken);
    return {};
  };
  if (auto taken = take(route, size, 0, effort, take_it); !taken) return failure(taken.error());
  return *std::move(reservation);
}

Result<> Capacity::grow(Reservation& reservation, uint64_t size, Effort effort) {
  if (size <= reservation.held()) return {};
  return take(reservation.route(), size, reservation.held(), effort, [&] { return reservation.grow(size); });
}

Result<> Capacity::make_room(const std::string& route, uint64_t size, uint64_t held) {
  disk_bound_.measure();
  if (has_room(route, size, held)) return {};
  if (!can_ever_fit(route, size, held)) return budget_.check(route, size - std::min(size, held));
  const Turn turn(*this);
  disk_bound_.measure();
  if (has_room(route, size, held)) return {};
  return evictor_.evict_for(route, on_disk(size) - held);
}

bool Capacity::has_room(const std::string& route, uint64_t size, uint64_t held) const {
  return budget_.has_room(route, on_disk(size) - std::min(held, on_disk(size)));
}

Result<> Capacity::judge(const std::string& route, uint64_t size, uint64_t held) {
  disk_bound_.measure();
  const auto room = budget_.check(route, on_disk(size) - std::min(held, on_disk(size)));
  if (room || !can_ever_fit(route, size, held)) return room;
  const Turn turn(*this);
  return evictor_.judge(route, on_disk(size) - held);
}

Result<> Capacity::ensure(const std::string& route, uint64_t size) {
  const Turn turn(*this);
  return evictor_.evict_for(route, size);
}

// `held` bytes of the `size` are taken already.
template <class Take>
Result<> Capacity::take(const std::string& route, uint64_t size, uint64_t held, Effort effort, Take take_it) {
  disk_bound_.measure();
  Result<> taken = take_it();
  const auto is_full = [&] { return !taken && taken.error().kind == Error::Kind::full; };
  if (is_full()) disk_bound_.note_full(route, on_disk(size) - held, taken.error());
  if (!is_full() || effort == Effort::none || !can_ever_fit(route, size, held)) return taken;
  const Turn turn(*this);
  // Whoever had the turn before may have made room enough for both.
  disk_bound_.measure();
  taken = take_it();
  // Not measured again at once: a disk may take a moment to have back what was deleted.
  for (int tries = 0; tries < kTriesMax && is_full(); ++tries) {
    const auto made = evictor_.evict_for(route, on_disk(size) - held);
    taken = take_it();
    if (!made && is_full()) return made;
  }
  if (!is_full()) return taken;
  Error error = taken.error();
  error.retry_after_s = kTakenByOthersRetryS;
  return failure(std::move(error));
}

// Whether it would fit if all else were gone. If not, nothing need go for it.
bool Capacity::can_ever_fit(const std::string& route, uint64_t size, uint64_t held) const {
  if (size > kSizeMax || on_disk(size) > budget_.of(route).bytes_max) return false;
  const uint64_t taken = budget_.whole().taken();  // asked first: others may give back some at any moment
  return budget_.shortage(route, on_disk(size) - held).whole <= taken - held;
}

}  // namespace breakwater::store
