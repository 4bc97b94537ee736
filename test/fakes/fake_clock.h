// A Clock that stands still until the test moves it. From any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "store/base/clock.h"

namespace breakwater::test {

class FakeClock final : public store::Clock {
 public:
  store::Time now() const override { return store::Time(std::chrono::milliseconds(now_ms_)); }
  store::Time wall() const override { return now() + std::chrono::milliseconds(wall_ahead_ms_); }
  std::string boot() const override { return "boot " + std::to_string(boots_); }

  // Time passes, and the wall clock with it.
  void advance(std::chrono::milliseconds duration) { now_ms_ += duration.count(); }
  // Somebody sets the wall clock forward, or back if `by` is negative.
  void set_wall_by(std::chrono::milliseconds by) { wall_ahead_ms_ += by.count(); }
  // The machine is started again: its time begins anew, and the wall clock goes on.
  void reboot() {
    wall_ahead_ms_ += now_ms_;
    now_ms_ = 0;
    ++boots_;
  }

 private:
  std::atomic<int64_t> now_ms_ = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
  std::atomic<int64_t> wall_ahead_ms_ = 0;
  std::atomic<int> boots_ = 0;
};

}  // namespace breakwater::test
