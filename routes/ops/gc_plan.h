// `gc --dry-run` as JSON: store/upkeep/planning.h.
//
//   {"items": [{"kind": "tag", "what": "private/team/app:1.2", "route": "private", "repository": "team/app",
//               "tag": "1.2", "digest": "sha256:…", "bytes": 1, "age_s": 1, "reason": "retention",
//               "why": "not among the last 3, pushed 12 days ago", "when": "now",
//               "at": "2026-01-01T00:00:00Z",
//               "under": [{"kind": "blob", "digest": "sha256:…", "bytes": 1}], "under_total": 1}],
//    "totals": [{"reason": "retention", "when": "now", "items": 1, "bytes": 1}], "more": false}
//
// `kind`: tag, manifest, blob, upload, download, mirror (what is over its bound), route (not configured any
// more). `reason`: retention, orphan, belongs, unreferenced, cache, refused, broken off, bound, left. `when`:
// "now", "later" (with `at`), "if room is needed" (not before `at`, if that is there), or "never by itself".
// `bytes` are on the disk, with what goes along. What has no such field leaves it out. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "store/base/clock.h"
#include "store/upkeep/planning.h"

namespace breakwater::routes {

// `now` is of the wall clock.
nlohmann::ordered_json json_of(const store::Plan& plan, store::Time now);

}  // namespace breakwater::routes
