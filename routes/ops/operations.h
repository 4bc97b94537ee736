// The table of all operations: what can be asked and done, under which name, and the function behind it.
#pragma once

#include <span>
#include <string_view>

#include "routes/ops/operation.h"

namespace breakwater::routes {

// In the order in which help lists them: first what is asked, then what is done.
std::span<const Operation> operations();
// The one at this path below /api/v1/ with this method, or null.
const Operation* operation_at(std::string_view path, std::string_view method);
// The one of that verb, or null.
const Operation* operation_of(std::string_view verb);

}  // namespace breakwater::routes
