// The time of the store: time that passes, as the machine counts it, over restarts of the process and of the
// machine. The times in records are of this clock, but for those that are made for people to read. It begins
// where the wall clock is when the folder is made, so that records of versions that used the wall clock fit
// in; whatever is done to the wall clock later changes nothing.
//
//   StoreClock clock(machine, saved);   // at a start; then now(), next() …
//   save(clock.record());               // every now and then, before its `bound` is reached
//
// Within one boot of the machine the clock goes on as if the process had not been restarted. Over a boot
// nobody knows how long the machine was off. Then the clock goes on from `bound`, which was saved ahead of
// it, so that nothing is younger than what was before; and the wall clock is believed for an hour at most.
//
// Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>

#include "store/base/clock.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class StoreClock final : public Clock {
 public:
  // Goes on where the clock was that left `saved`; empty for a new folder. `machine` outlives it.
  StoreClock(const Clock& machine, const std::optional<ClockRecord>& saved);
  // Whether the clock before was of the same boot: what was promised until some time still holds until then.
  bool is_same_boot() const { return is_same_boot_; }

  Time now() const override;
  Time wall() const override { return machine_.wall(); }
  std::string boot() const override { return machine_.boot(); }

  // What the wall clock said, or will say, at a moment of now(), as far as it is known today.
  Time to_wall(Time moment) const { return moment - ahead_of_wall(); }
  // The moment of now() at which the wall clock said `date`; the present for a date that is still to come.
  Time of_wall(Time date) const { return std::min(now(), date + ahead_of_wall()); }

  // A time of its own for something that is pushed: not before now(), and later than each that was given
  // before. It says what was pushed later, and how long ago.
  Time next();

  // Whether a record is due to be saved, and that record. It is valid until the next one is due.
  bool is_record_due() const;
  ClockRecord record();

 private:
  Time::duration ahead_of_wall() const;

  const Clock& machine_;
  Time::duration ahead_{};  // of the machine's
  bool is_same_boot_ = false;
  std::atomic<Time::rep> last_ = 0;  // given by next()
  std::atomic<Time::rep> bound_ = 0;
  mutable std::atomic<Time::rep> ahead_of_wall_ = 0;
};

}  // namespace breakwater::store
