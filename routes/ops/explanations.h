// Why something stays (store/upkeep/explaining.h), as JSON for programs and, made from that, in lines for
// people.
//
//   {"digest": "sha256:…", "stored": true, "bytes": 5, "account": "private", "used_at": "…",
//    "leased_until": "…",                                       if a client was told of it
//    "tag": {"route": …, "repository": …, "tag": …, "set_at": …, "standing": {"kind": "plain"}},
//                                                               if a tag was asked about, which names the
//                                                               digest
//    "repositories": [{"route": …, "repository": …, "pushed_at": "…",
//                      "reasons": [{"kind": "parent", "digest": "sha256:…", "because":
//                                   [{"kind": "tag", "tag": "v1", "standing": {"kind": "plain"}}]}]}]}
//
// The kinds of reasons and of a tag's standing are those of store::Reason and store::TagStanding. Pure; any
// thread.
#pragma once

#include <string>
#include <vector>

#include "routes/ops/operation.h"
#include "store/upkeep/explaining.h"

namespace breakwater::routes {

Json json_of(const store::Why& why);
Json json_of(const store::WhyTag& tag);

// What keeps it, up to the tags: each line is indented below what it belongs to. `told` is one that json_of()
// has made.
std::vector<std::string> lines_of(const Json& told);

}  // namespace breakwater::routes
