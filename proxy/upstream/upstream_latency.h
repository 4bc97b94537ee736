// How long the last answers of an upstream took to begin: so many of them, the newest in the place of the
// oldest. A value; belongs to one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace breakwater::proxy {

class UpstreamLatency {
 public:
  static constexpr size_t kAnswersMax = 100;

  void add(double seconds) {
    seconds_[next_] = static_cast<float>(seconds);
    next_ = (next_ + 1) % kAnswersMax;
    size_ = std::min(size_ + 1, kAnswersMax);
  }
  size_t size() const { return size_; }

  struct Summary {
    double median_s = 0, worst_s = 0;
  };
  // Nothing before the first answer.
  std::optional<Summary> summary() const {
    if (size_ == 0) return std::nullopt;
    std::vector<float> sorted(seconds_.begin(), seconds_.begin() + static_cast<std::ptrdiff_t>(size_));
    std::sort(sorted.begin(), sorted.end());
    return Summary{static_cast<double>(sorted[(size_ - 1) / 2]), static_cast<double>(sorted.back())};
  }

  UpstreamLatency& operator+=(const UpstreamLatency& other) {
    for (size_t i = 0; i < other.size_; ++i) add(static_cast<double>(other.seconds_[i]));
    return *this;
  }

 private:
  std::array<float, kAnswersMax> seconds_{};
  size_t next_ = 0, size_ = 0;
};

}  // namespace breakwater::proxy
