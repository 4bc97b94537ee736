// What time it is, for ages and expiries. Waiting is not its business: proxy::Loop has timers for that. Tests
// hand in a FakeClock, so that every age is the test's choice.
#pragma once

#include <chrono>

namespace breakwater::store {

// Wall-clock time in whole milliseconds since the epoch; what records keep.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace breakwater::store
