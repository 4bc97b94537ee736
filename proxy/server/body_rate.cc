#include "proxy/server/body_rate.h"

#include <algorithm>

namespace breakwater::proxy {

Moment::duration BodyRate::left() const {
  if (bytes_min_ == 0) return Moment::duration::max();
  return std::max(Moment::duration(time_) - waited_, Moment::duration(0));
}

bool BodyRate::is_too_slow() {
  const bool is_slow = came_ * 1000 < uint64_t{bytes_min_} * static_cast<uint64_t>(time_.count());
  begin();
  return is_slow;
}

}  // namespace breakwater::proxy
