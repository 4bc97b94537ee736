// A deadline that is cheap to set and to clear, because every request does both. The timer behind it is only
// touched when it would fire too late. So the timer sometimes fires early, and is then armed again or left
// alone. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/loop/loop.h"

namespace breakwater::proxy {

class Deadline {
 public:
  // `on_passed` is called from the top of the loop, at most once for each set().
  Deadline(Loop& loop, std::function<void()> on_passed);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(int64_t ms);  // `ms` from now; replaces the deadline that was set before.
  void clear();
  bool passed() const { return passed_; }  // Whether the deadline last set has passed; clear() forgets it.

 private:
  void fired();
  void arm(Moment now);

  Loop& loop_;
  std::function<void()> on_passed_;
  event* timer_;
  bool passed_ = false;
  Moment due_ = Moment::max();
  Moment armed_ = Moment::max();  // when the timer fires; max if it is not armed
};

}  // namespace breakwater::proxy
