// How a verb ends: 0 if it is done, 1 if something is wrong with what was looked at, or it could not be done;
// 2 if it could not even be tried, because of what was asked for or of what it would have been asked of.
#pragma once

#include "store/base/result.h"

namespace breakwater::conf {

inline constexpr int kDone = 0, kWrong = 1, kNotTried = 2;

inline int status_of(const Error& error) {
  const bool is_tried = error.kind != Error::Kind::invalid && error.kind != Error::Kind::unavailable;
  return is_tried ? kWrong : kNotTried;
}

}  // namespace breakwater::conf
