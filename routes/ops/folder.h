// What is done to the data folder as a whole: its backup, and giving back what a route has left.
//
//   backup        {"to": "/backup/x"}   -> {"to", "blobs", "bytes"}
//   forget-route  {"route": "old"}      -> {"route", "tags", "manifests", "uploads", "links", "bytes",
//                                           "bytes_handed", "bytes_left", "is_cut"}
//
// "bytes" are given back, "bytes_handed" go on the account of other routes that need them. May block, for
// minutes; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

[[nodiscard]] Result<Json> back_up(const StoreSide& side, const Arguments& arguments);
std::string backup_words(const Json& answer);

[[nodiscard]] Result<Json> forget_route(const StoreSide& side, const Arguments& arguments);
std::string forget_route_words(const Json& answer);

}  // namespace breakwater::routes
