// `du` as an operation: its arguments, and its answer (usage.h) in words.
//
//   usage?by=repository&route=private&limit=20
//   usage?by=tag&route=private&repository=team/app&after=1.2
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

// May block, for as long as a walk over the catalog takes; any thread.
[[nodiscard]] Result<Json> du(const StoreSide& side, const Arguments& arguments);
std::string du_words(const Json& answer);

}  // namespace breakwater::routes
