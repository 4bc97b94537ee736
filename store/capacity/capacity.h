// Capacity reserves room for bytes before they are received, and makes room by eviction if there is none.
//
// If there is room, a call takes only the locks of the budget and the disk bound. If there is none, one
// caller at a time makes room with the Evictor, and other callers that lack room wait. A caller whose bytes
// fit does not wait. Nothing is evicted for bytes that would not fit even into an empty store.
//
// Everything may block, and may be called from any thread, with no lock of the store held.
#pragma once

#include <cstdint>
#include <string>

#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/capacity/budget.h"

namespace breakwater::store {

class DiskBound;

// Who makes room, by taking away what the store can do without. It decides what goes; upkeep/ implements it.
class Evictor {
 public:
  virtual ~Evictor() = default;
  // Takes away what it can until `size` more bytes of `route` fit into all bounds. An error if it is known
  // that they will not; with retry_after_s if they will in a moment. One thread at a time.
  [[nodiscard]] virtual Result<> evict_for(const std::string& route, uint64_t size) = 0;
  // Whether evict_for() is worth trying: an error, as above, if it is known to be in vain. Nothing is taken
  // away. One thread at a time, of both functions.
  [[nodiscard]] virtual Result<> judge(const std::string& route, uint64_t size) = 0;
};

class Capacity {
 public:
  // What it borrows outlives it.
  Capacity(Budget& budget, DiskBound& disk_bound, Evictor& evictor)
      : budget_(budget), disk_bound_(disk_bound), evictor_(evictor) {}

  // What is done if there is no room: nothing, so that nobody waits, or all that can be done.
  enum class Effort { none, make_room };

  // Room for `size` bytes of `route`. `full` if there is none and none can be made; with retry_after_s if
  // some will be there in a moment.
  [[nodiscard]] Result<Reservation> reserve(const std::string& route, uint64_t size,
                                            Effort effort = Effort::make_room);
  // Makes `reservation` cover at least `size` bytes. Likewise; what was held stays held.
  [[nodiscard]] Result<> grow(Reservation& reservation, uint64_t size, Effort effort = Effort::make_room);
  // The effort alone, for a caller who could not reserve `size` bytes of which `held` are taken: it makes
  // room, and the caller tries again. `full` if that would be in vain. It may take as long as all that goes
  // takes, so it belongs on a thread that nothing else waits for.
  [[nodiscard]] Result<> make_room(const std::string& route, uint64_t size, uint64_t held);
  // Whether `size` bytes of `route`, of which `held` are taken, would fit now. Takes only the budget's lock.
  bool has_room(const std::string& route, uint64_t size, uint64_t held) const;
  // Whether they may fit if all went that may go; the errors are those of make_room(). Nothing is reserved
  // and nothing goes: this is for a size that is only claimed. A claim that is not refused may still meet a
  // full store when its bytes come. It belongs on a thread that nothing else waits for, too.
  [[nodiscard]] Result<> judge(const std::string& route, uint64_t size, uint64_t held);
  // Evicts what is over a bound, until `size` more bytes of `route` would fit, without reserving them and
  // without measuring the disk again. For bounds that were lowered, and for disks that other programs fill.
  [[nodiscard]] Result<> ensure(const std::string& route, uint64_t size);

 private:
  // Whose turn it is to make room.
  class Turn;
  template <class Take>
  Result<> take(const std::string& route, uint64_t size, uint64_t held, Effort effort, Take take_it);
  bool can_ever_fit(const std::string& route, uint64_t size, uint64_t held) const;

  Budget& budget_;
  DiskBound& disk_bound_;
  Evictor& evictor_;
  Mutex mutex_;
  Condition turn_ended_;
  bool is_making_room_ GUARDED_BY(mutex_) = false;
};

}  // namespace breakwater::store
