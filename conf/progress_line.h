// Shows on stderr how far something long is, with its rate and the time left: on a terminal a line that is
// written again, elsewhere a line now and then. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

#include "routes/ops/progress.h"
#include "store/base/mutex.h"

namespace breakwater::conf {

class ProgressLine {
 public:
  ProgressLine();

  // `total` is 0 while it is not known.
  void show(uint64_t bytes, uint64_t total);
  // The line is not written again: what comes next begins a new one.
  void end();
  // A line of its own on stdout, above what is shown.
  void say(std::string_view line);
  // Shows `progress` until `stop`, and ends.
  void follow(const routes::Progress& progress, const std::stop_token& stop);

 private:
  void clear() REQUIRES(mutex_);

  using Clock = std::chrono::steady_clock;
  const bool is_terminal_;
  const Clock::time_point begun_ = Clock::now();
  store::Mutex mutex_;
  std::optional<Clock::time_point> shown_at_ GUARDED_BY(mutex_);
  bool is_open_ GUARDED_BY(mutex_) = false;
};

}  // namespace breakwater::conf
