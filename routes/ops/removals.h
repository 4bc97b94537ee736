// `purge` of a mirror and `rm` of a registry, and their dry runs: store/upkeep/removal.h as JSON. The dry run
// and what was done have one shape.
//
//   {"what": "dockerhub/library/alpine:3.20", "kind": "mirror", "dry_run": true,
//    "words": "would remove 1 tag, …",
//    "tags": [{"image": "dockerhub/library/alpine:3.20", "digest": "sha256:…", "belongs": false}],
//    "manifests": [{"image": "dockerhub/library/alpine@sha256:…", "media_type": "…", "bytes": 1,
//                   "goes_after": "2026-01-01T00:00:00Z"}],
//    "blobs": [{"digest": "sha256:…", "bytes": 1}],
//    "stays": [{"kind": "blob", "image": "dockerhub/library/alpine@sha256:…", "bytes": 1,
//               "because": "ghcr/org/app has it too"}],
//    "totals": {"tags": 1, "manifests": 1, "blobs": 1, "links": 1, "stays": 1},
//    "freed_bytes": 1, "cut": false}
//
// Lists have at most kListedMax entries; `totals` count all. `freed_bytes` are on the disk: at once, and of a
// registry when the last of it has gone. `goes_after` is there for a registry, whose content stays for its
// lease if somebody was told of it. `cut`: there is more, for another call. Errors: `not_found` if nothing
// matches, `invalid` if a mirror is to be treated as a registry or the other way round. Both may take
// minutes.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>

#include "store/base/result.h"
#include "store/references/image_pattern.h"
#include "store/store.h"
#include "store/upkeep/removal.h"

namespace breakwater::routes {

inline constexpr size_t kListedMax = 1000;

[[nodiscard]] Result<nlohmann::ordered_json> plan_purge(store::Store& store, const store::ImagePattern& what,
                                                        const std::stop_token& stop);
// `gone` is told of each manifest that is gone, on the caller's thread: whoever has manifests of the mirror
// in memory (ManifestCache) forgets it, on the thread of theirs.
[[nodiscard]] Result<nlohmann::ordered_json> purge(store::Store& store, const store::ImagePattern& what,
                                                   const store::ManifestGone& gone,
                                                   const std::stop_token& stop);
[[nodiscard]] Result<nlohmann::ordered_json> plan_rm(store::Store& store, const store::ImagePattern& what,
                                                     const std::stop_token& stop);
[[nodiscard]] Result<nlohmann::ordered_json> rm(store::Store& store, const store::ImagePattern& what,
                                                const std::stop_token& stop);

}  // namespace breakwater::routes
