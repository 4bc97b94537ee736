// `pin`, `unpin` and the list of pins: store/references/pins.h as JSON.
//
//   {"what": "dockerhub/library/alpine:3.20", "dry_run": false, "changed": true,
//    "covers": {"tags": 1, "more": false}, "words": "pinned …"}
//   {"pins_max": 1000,
//    "pins": [{"what": "dockerhub/library/*", "route": "dockerhub", "repository": "library/*", "tag": "3.*",
//              "digest": "sha256:…", "kind": "mirror", "at": "2026-01-01T00:00:00Z"}],
//    "in_the_way": [{"route": "dockerhub", "pinned_bytes": 1, "words": "…"}]}
//
// `changed` is false if it was so already. `covers` are the tags that the pattern matches now, as far as they
// are counted. `tag` and `digest` are absent where the pin has none. `in_the_way`: room was needed in these
// routes, and there was nothing left to go but what is pinned. All may block.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/references/image_pattern.h"
#include "store/store.h"

namespace breakwater::routes {

[[nodiscard]] Result<nlohmann::ordered_json> plan_pin(store::Store& store, const store::ImagePattern& what);
// `full` if there are too many pins, `invalid` for one manifest of a registry.
[[nodiscard]] Result<nlohmann::ordered_json> pin(store::Store& store, const store::ImagePattern& what);
[[nodiscard]] Result<nlohmann::ordered_json> plan_unpin(store::Store& store, const store::ImagePattern& what);
[[nodiscard]] Result<nlohmann::ordered_json> unpin(store::Store& store, const store::ImagePattern& what);
[[nodiscard]] Result<nlohmann::ordered_json> pins(store::Store& store, const Sight& sight = {});

}  // namespace breakwater::routes
