// A request that has ended, as History and RequestRing take it. It borrows everything for the call.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

struct EndedRequest {
  const proxy::Exchange& exchange;
  const RequestContext& context;
  int status = 0;  // 499: the client left before the answer
  double seconds = 0;
  proxy::Moment at;  // when it ended
};

}  // namespace breakwater::routes
