// What the mirrors have saved, from the history that the store keeps: `saved`, and `savings` of the API. What
// was counted since the last minute is not in it, unless History::flush() was called before. May block; any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "routes/access/sight.h"
#include "store/base/clock.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

struct SavingsQuestion {
  store::Time::duration since = std::chrono::hours(24 * 7);  // ago; at most 90 days
  std::string route;                                         // only this one; "": all
  size_t heaviest_max = 20;                                  // in each list of the heaviest; at most 100
  // Of whoever asks. Routes and repositories have what is seen alone, and without all of it no clients are
  // told; all other figures are of the whole.
  Sight sight = {};
};

// Up to a day is told by the minute, more by the hour. A request counts when it has ended. Without a mirror,
// each request for what an upstream has would have gone there, so this is what was saved:
//
//   saved_requests   requests answered 2xx, 3xx or 404, less the requests that were sent upstream
//   saved_bytes      bytes of their bodies, less the bytes of bodies that came from there
//
// Both may be negative: what was fetched, and is not asked for yet, has cost. hit_ratio is the share of what
// came from the store or from a fill that was running, null if there was nothing.
//
//   {"since_s": 604800, "from": "2026-…Z", "to": "2026-…Z", "is_exact_to_s": 3600,
//    "total": COUNTS,
//    "routes": [{"route": "dockerhub", "kind": "mirror", …COUNTS}],     "" has what others did together
//    "series": {"step_s": 3600, "points": [{"at": "…Z", …COUNTS}]},     those with nothing are left out
//    "repositories": HEAVIEST, "clients": HEAVIEST}
//
//   COUNTS    {"requests", "bytes_sent", "upstream_requests", "upstream_bytes", "saved_requests",
//              "saved_bytes", "hit_ratio", "byte_hit_ratio", "hits", "misses", "follows", "stale",
//              "revalidated", "passed", "not_found", "refused", "errors", "pushed_bytes",
//              "not_uploaded_bytes"}
//   HEAVIEST  {"from": "…Z", "by_bytes": [ENTRY], "by_requests": [ENTRY],
//              "others_at_most": {"bytes", "requests"}}      of whole days, that of `from` included; whoever
//                                                            is in no list has no more than the last
//   ENTRY     {"route", "repository"} or {"client"}, and {"requests", "requests_at_most", "bytes_sent",
//              "bytes_sent_at_most", "upstream_requests", "upstream_bytes", "saved_requests",
//              "saved_bytes"}                                saved: only of a mirror's repositories. A list
//                                                            has the *_at_most that it goes by
[[nodiscard]] Result<nlohmann::ordered_json> savings(store::Store& store, const SavingsQuestion& question);

}  // namespace breakwater::routes
