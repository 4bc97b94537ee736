// Which of the errors of several upstreams is told, when none of them gave what was asked for. "Refused",
// "unusable" and "unwell" never become "there is none": not_found is told only if every upstream says so.
// Pure; any thread.
#pragma once

#include "store/base/result.h"

namespace breakwater::proxy {

// Whether `later` is told instead of `earlier`, the error of an upstream that is asked before. In this order:
//
//   unavailable, throttled    whoever asks again may get it
//   all others                it may be there
//   not_found
[[nodiscard]] bool outweighs(const Error& later, const Error& earlier);

}  // namespace breakwater::proxy
