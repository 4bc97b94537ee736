// How it is: everything that an operator wants to know first, and one sentence of it all.
//
//   {"sentence": "All calm: 6 routes, 2 downloads.", "well": true,
//    "problems": [{"route": "dockerhub", "what": "…", "do": "…"}],
//    "version", "folder", "started_at", "uptime_s", "ready", "draining", "read_only", "warnings": ["…"],
//    "routes": [{"name", "kind": "mirror", "registry", "listen": [], "connections", "requests",
//                "bytes", "reserved_bytes", "bytes_max", "uploads", "broken", "stale_total", "oldest_s",
//                "evicted": {"last_age_s", "bytes_total", "last_at"},
//                "upstreams": [{"url", "state": "well", "throttled_until", "pulls_left",
//                               "rate_limit": {"left", "limit", "window_s"},
//                               "latency_s": {"median", "worst", "answers"}, "last_answered_at",
//                               "refused_credentials_total", "requests", "failures", "fetched_bytes"}]}],
//    "store": {"bytes", "reserved_bytes", "bytes_max", "unconfigured_bytes"},
//    "disk": {"bytes", "free_bytes"}, "buffers": {"bytes", "bytes_max"},
//    "downloads_count": 1,
//    "downloads": [{"route", "repository", "digest", "bytes", "size", "readers", "clients": ["10.0.0.7"],
//                   "clients_count", "started_at", "from", "state"}],
//    "uploads_count": 1,
//    "uploads": [{"id", "route", "repository", "bytes", "started_at", "client"}],
//    "integrity": {"broken", "last_full_pass_at", "scrubbed_bytes", "pass": {"bytes", "bytes_total"},
//                  "broken_things": [{"kind": "missing", "what", "digest", "routes", "tags", "more_tags",
//                                     "since", "do"}]},
//    "webhooks": [{"endpoint", "state": "well" or "failing", "failing_since", "reason", "waiting",
//    "oldest_at",
//                  "delivered", "given_up", "dropped"}]}
//
// At most a hundred downloads, uploads and broken things are told of, of a download at most 20 clients, and
// of a broken thing at most 20 tags. What is not known is not there. An upstream's state is "well",
// "throttled", "refuses_credentials" or "unreachable"; its latency is of its last hundred answers. `oldest_s`
// is how long nobody has used what a mirror would evict next, and `last_age_s` how long nobody had used what
// it evicted last. `from` are the bytes of a download that an earlier one had left. `pass` is the integrity
// check that is under way, by the order in which it goes through the digests. A broken thing's `kind` is
// "missing", "unreadable", "dangling" (a tag whose manifest is missing) or "lacking" (a manifest that an
// index needs). Pure; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

Json status_json(const ServerState& state);
// The first three of these.
Json status_head(const ServerState& state);
std::string status_words(const Json& status);

}  // namespace breakwater::routes
