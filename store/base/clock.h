// What time it is, in two ways, because people and programs set the wall clock:
//
//   now()    time that passes. It never goes back, and nobody can set it. Ages, leases, expiries and the
//   order
//            of things are counted in it.
//   wall()   what the wall clock says: for people to read, and to understand what others have dated.
//
// Waiting is not its business: proxy::Loop has timers for that. Tests hand in a FakeClock, so that every age
// is the test's choice.
#pragma once

#include <chrono>
#include <string>

namespace breakwater::store {

// Whole milliseconds. For wall(), since the epoch. For now(), since a moment that depends on the clock: that
// of the store (StoreClock) begins where the wall clock was when the data folder was made.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  virtual Time wall() const = 0;
  // Names the run of the machine that now() is counted in: two processes with the same name have the same
  // now().
  virtual std::string boot() const = 0;
};

// now() is the time since the machine was started, including that in which it slept.
class SystemClock final : public Clock {
 public:
  Time now() const override;
  Time wall() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  std::string boot() const override;
};

}  // namespace breakwater::store
