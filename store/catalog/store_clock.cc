#include "store/catalog/store_clock.h"

#include <algorithm>

namespace breakwater::store {
namespace {

constexpr auto kSavedAhead = std::chrono::minutes(10);
constexpr auto kDueBefore = std::chrono::minutes(5);
constexpr auto kJitterMax = std::chrono::seconds(1);
constexpr auto kTimeOffMax = std::chrono::hours(1);

Time::rep count(Time time) { return time.time_since_epoch().count(); }

}  // namespace

StoreClock::StoreClock(const Clock& clock, const std::optional<ClockRecord>& saved) : machine_(clock) {
  const Time machine = machine_.now();
  is_same_boot_ =
      saved && !saved->boot.empty() && saved->boot == machine_.boot() && machine >= saved->machine;
  if (is_same_boot_) {
    ahead_ = saved->at - saved->machine;
    bound_ = count(saved->bound);
    return;
  }
  Time begin = machine_.wall();
  if (saved) {
    const Time::duration off = machine_.wall() - saved->wall;
    begin = saved->bound + std::clamp<Time::duration>(off, Time::duration(), kTimeOffMax);
  }
  ahead_ = begin - machine;
}

Time StoreClock::now() const { return std::max(machine_.now() + ahead_, Time(Time::duration(last_.load()))); }

// The same from one call to the next, unless the wall clock was set: what has one date has one moment.
Time::duration StoreClock::ahead_of_wall() const {
  const Time::duration measured = machine_.now() + ahead_ - machine_.wall();
  const Time::duration before(ahead_of_wall_.load());
  if (std::chrono::abs(measured - before) <= kJitterMax) return before;
  ahead_of_wall_ = measured.count();
  return measured;
}

Time StoreClock::next() {
  Time::rep last = last_;
  for (;;) {
    const Time::rep next = std::max(count(machine_.now() + ahead_), last + 1);
    if (last_.compare_exchange_weak(last, next)) return Time(Time::duration(next));
  }
}

bool StoreClock::is_record_due() const { return count(now() + kDueBefore) > bound_; }

ClockRecord StoreClock::record() {
  const Time machine = machine_.now(), at = machine + ahead_, bound = now() + kSavedAhead;
  bound_ = count(bound);
  return {at, machine, machine_.boot(), bound, machine_.wall()};
}

}  // namespace breakwater::store
