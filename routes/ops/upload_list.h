// `uploads` and `uploads --abort ID`: store/upkeep/upload_survey.h as JSON.
//
//   {"uploads": [{"id": "0123…", "state": "broken off", "route": "private", "repository": "team/app",
//                 "client": "10.0.20.7", "bytes": 1, "on_disk_bytes": 1, "begun_at": "2026-01-01T00:00:00Z",
//                 "last_byte_at": "2026-01-01T00:00:00Z", "refused": false}],
//    "totals": {"open": 1, "broken_off": 1, "bytes": 1}, "left_out": 0}
//   {"id": "0123…", "dry_run": true, "aborted": true, "freed_bytes": 1, "words": "…", "upload": {…}}
//
// `state` is "begun" (no byte has come), "open" (somebody sends it, or did within the last minute) or "broken
// off". `client`, `repository` and `begun_at` are absent where nobody knows them. An open upload is not
// aborted: `conflict` says who sends it. Rows come with the longest untouched first, at most 1000. All may
// block.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

[[nodiscard]] Result<nlohmann::ordered_json> uploads(store::Store& store, const Sight& sight = {});
// `not_found` if there is none of this id.
[[nodiscard]] Result<nlohmann::ordered_json> plan_abort_upload(store::Store& store, const std::string& id,
                                                               const Sight& sight = {});
[[nodiscard]] Result<nlohmann::ordered_json> abort_upload(store::Store& store, const std::string& id,
                                                          const Sight& sight = {});

}  // namespace breakwater::routes
