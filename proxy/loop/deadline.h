// A moment that something must not pass. Setting and clearing it is cheap, as it is done for each request:
// the timer behind it is only touched when it would fire too late, and fires early sometimes, for nothing.
// Belongs to the loop's thread.
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

  void set(int64_t ms);  // from now, in the place of the one before
  void clear();
  bool passed() const { return passed_; }  // since the last set() or clear()

 private:
  void fired();
  void arm(Moment now);

  Loop& loop_;
  std::function<void()> on_passed_;
  event* timer_;
  bool passed_ = false;
  Moment due_ = Moment::max();
  Moment armed_ = Moment::max();  // when the timer fires; max: it does not
};

}  // namespace breakwater::proxy
