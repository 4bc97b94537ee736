// Why something is kept, and what goes next, as operations.
//
//   why?of=team/app:1   {"of": "team/app:1", "found": [{"digest": "sha256:…", …}]}    as explanations.h has
//   it;
//                                                                 several if several routes have that tag
//   plan                as gc_plan.h has it
//
// What is asked about is a digest, an image as people name it, or <repository>:<tag> of whatever route has
// that. Both may block; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

[[nodiscard]] Result<Json> why(const StoreSide& side, const Arguments& arguments);
std::string why_words(const Json& answer);

[[nodiscard]] Result<Json> plan(const StoreSide& side, const Arguments& arguments);
std::string plan_words(const Json& answer);

}  // namespace breakwater::routes
