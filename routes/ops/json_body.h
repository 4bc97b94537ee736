// The JSON body of a request of the API. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

// All of it; "" if there is none. `too_large` beyond `bytes_max`, and `invalid` if it is of another type: a
// page of another site can make a browser send any other. The caller keeps the exchange until the Task has
// ended.
proxy::Task<Result<std::string>> read_json_body(proxy::Exchange& exchange, size_t bytes_max);

}  // namespace breakwater::routes
