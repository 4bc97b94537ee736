// Room that is about to be there: what is dead and kept by a short lease only. A push waits for it rather
// than fail, because some clients do not push again. Belongs to the loop's thread.
#pragma once

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr proxy::Millis kRoomWaitMax = proxy::Millis(15'000);

// Whether what failed with `error` should be tried again; then some of the time until `deadline` has passed.
proxy::Task<bool> room_comes(proxy::Loop& loop, Error error, proxy::Moment deadline);

}  // namespace breakwater::routes
