// Waiting for capacity that will soon be free: bytes of dead content that only a short lease still keeps. A
// push waits for them instead of failing, because some clients do not push again. Belongs to the loop's
// thread.
#pragma once

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr proxy::Millis kCapacityWaitMax = proxy::Millis(15'000);

// True if the operation that failed with `error` should be tried again now; a pause has passed then. False
// for any other error, for a store that is full for longer, and after `deadline`.
proxy::Task<bool> wait_for_capacity(proxy::Loop& loop, Error error, proxy::Moment deadline);

}  // namespace breakwater::routes
