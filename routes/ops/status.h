// How it is: everything that an operator wants to know first, and one sentence of it all.
//
//   {"sentence": "All calm: 6 routes, 2 downloads.", "well": true,
//    "problems": [{"route": "dockerhub", "what": "…", "do": "…"}],
//    "version", "folder", "started_at", "uptime_s", "ready", "draining", "read_only",
//    "routes": [{"name", "kind": "mirror", "registry", "listen": [], "connections", "requests",
//                "bytes", "reserved_bytes", "bytes_max", "uploads", "broken",
//                "upstreams": [{"url", "state": "well", "throttled_until", "pulls_left", "requests",
//                               "failures", "fetched_bytes"}]}],
//    "store": {"bytes", "reserved_bytes", "bytes_max", "unconfigured_bytes"},
//    "disk": {"bytes", "free_bytes"}, "buffers": {"bytes", "bytes_max"},
//    "downloads_count": 1,
//    "downloads": [{"route", "repository", "digest", "bytes", "size", "readers", "state"}],
//    "integrity": {"broken", "last_full_pass_at", "scrubbed_bytes"},
//    "webhooks": [{"endpoint", "state": "well" or "failing", "failing_since", "reason", "waiting",
//    "oldest_at",
//                  "delivered", "given_up", "dropped"}]}
//
// At most a hundred downloads are told of. What is not known is not there. An upstream's state is "well",
// "throttled", "refuses_credentials" or "unreachable". Pure; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

Json status_json(const ServerState& state);
std::string status_words(const Json& status);

}  // namespace breakwater::routes
