// Whether a client sends the body of its request fast enough. Only the time counts during which the server
// waits for the client: a pause because of buffers, workers or the disk is not the client's. Every `time` of
// such waiting is judged by itself. Pure; belongs to one body after the other.
#pragma once

#include <cstdint>

#include "proxy/loop/loop.h"

namespace breakwater::proxy {

class BodyRate {
 public:
  // At least `bytes_min` bytes a second; 0: any rate is fast enough.
  BodyRate(uint32_t bytes_min, Millis time) : bytes_min_(bytes_min), time_(time) {}

  void begin() { *this = BodyRate(bytes_min_, time_); }  // of another body
  void came(uint64_t bytes) { came_ += bytes; }
  void waited(Moment::duration time) { waited_ += time; }

  // How long may still be waited before the rate is judged; the longest time there is if it never is.
  Moment::duration left() const;
  // Call it when no time is left. If the rate was high enough, the next `time` begins.
  bool is_too_slow();

 private:
  uint32_t bytes_min_;
  Millis time_;
  uint64_t came_ = 0;  // bytes, and time that was waited for them, since the last judgement
  Moment::duration waited_{};
};

}  // namespace breakwater::proxy
