// A Clock that stands still until the test moves it. From any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "store/base/clock.h"

namespace breakwater::test {

class FakeClock final : public store::Clock {
 public:
  store::Time now() const override { return store::Time(std::chrono::milliseconds(now_ms_)); }
  void set(store::Time now) { now_ms_ = now.time_since_epoch().count(); }
  void advance(std::chrono::milliseconds duration) { now_ms_ += duration.count(); }

 private:
  std::atomic<int64_t> now_ms_ = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
};

}  // namespace breakwater::test
