// Which requests an operator wants to see, from the parameters `client`, `image`, `route` and `result` of
// `log` and of the stream of events. Pure; any thread.
#pragma once

#include "routes/ops/operation.h"
#include "routes/ops/request_ring.h"

namespace breakwater::routes {

// The errors say which parameter is wrong, and what it may be.
[[nodiscard]] Result<RequestFilter> filter_of(const Arguments& arguments, const RouteDirectory& directory);

}  // namespace breakwater::routes
