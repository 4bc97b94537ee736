// Shows on stderr how far something long is, with its rate and the time left: on a terminal a line that is
// written again, elsewhere a line now and then. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "routes/ops/progress.h"

namespace breakwater::conf {

class ProgressLine {
 public:
  ProgressLine();

  // `total` is 0 while it is not known.
  void show(uint64_t bytes, uint64_t total);
  // The line is not written again: what comes next begins a new one.
  void end();
  // Shows `progress` until `stop`, and ends.
  void follow(const routes::Progress& progress, const std::stop_token& stop);

 private:
  using Clock = std::chrono::steady_clock;
  const bool is_terminal_;
  const Clock::time_point begun_ = Clock::now();
  std::optional<Clock::time_point> shown_at_;
  bool is_open_ = false;
};

}  // namespace breakwater::conf
