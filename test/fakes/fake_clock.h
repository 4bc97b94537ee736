// A Clock that stands still until the test moves it.
#pragma once

#include "store/clock.h"

namespace breakwater::test {

class FakeClock final : public store::Clock {
 public:
  store::Time now() const override { return now_; }
  void advance(std::chrono::milliseconds duration) { now_ += duration; }

 private:
  store::Time now_{std::chrono::milliseconds(1'700'000'000'000)};  // 2023-11-14T22:13:20Z
};

}  // namespace breakwater::test
