// Answers the requests to a valid path of the API: a mirror, or a registry of our own. The Router calls it,
// for callers who may.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class Registry {
 public:
  virtual ~Registry() = default;
  // Never called with the kinds base and unknown, and with writes only if RouterSettings::writable. `path`
  // and `context` outlive the Task.
  virtual proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) = 0;
};

}  // namespace breakwater::routes
