// `ls`: what is there.
//
//   list_routes        {"routes": [{"route": "dockerhub", "kind": "mirror", "stored_bytes": 1,
//                                   "reserved_bytes": 1, "bytes_max": 1}]}
//   list_repositories  {"route": "dockerhub", "repositories": [{"repository": "library/alpine", "tags": 3,
//                       "more_tags": false}], "last": "library/zsh"}
//   list_tags          {"route": "dockerhub", "repository": "library/alpine",
//                       "tags": [{"tag": "3.20", "digest": "sha256:…", "media_type": "…", "bytes": 1,
//                                 "here_bytes": 1, "missing": 0, "at_least": false,
//                                 "set_at": "2026-01-01T00:00:00Z", "checked_at": "…", "last_pulled_at": "…",
//                                 "pinned": true}], "last": "3.20"}
//   image_tree         {"image": "dockerhub/library/alpine:3.20", "digest": "sha256:…", "pinned": false,
//                       "bytes": 1, "here_bytes": 1, "missing": 0, "at_least": false,
//                       "tree": {"kind": "index", "digest": "sha256:…", "media_type": "…", "bytes": 1,
//                                "here": true, "children": [{"kind": "manifest", "platform":
//                                "linux/arm64/v8",
//                                  …, "children": [{"kind": "config", …}, {"kind": "layer", …}]}]},
//                       "referrers": [{"digest": "sha256:…", "artifact_type": "…", "bytes": 1, "here":
//                       true}], "signatures": [{"tag": "sha256-….sig", "digest": "sha256:…"}], "cut": false}
//
// `bytes` of an image are those of all that it needs, each thing once, by what its manifests say; a mirror
// may have fetched only a part: `here_bytes`, and `missing` things. `at_least`: a manifest is not here, so
// there is more below it. `checked_at` is there for mirrors alone. `last` is there if there is more: the name
// to go on behind. A list has at most 1000 rows, a tree at most 2000 things (`cut`). All may block.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/store.h"

namespace breakwater::routes {

struct ListPageOf {
  std::string last;  // the rows behind this name; empty: from the start
  size_t n = 100;
};

nlohmann::ordered_json list_routes(store::Store& store);
// Only those that are seen. `not_found` for a route that is neither configured nor has anything.
[[nodiscard]] Result<nlohmann::ordered_json> list_repositories(store::Store& store, const std::string& route,
                                                               const ListPageOf& page,
                                                               const Sight& sight = {});
// `not_found` if the repository has neither tags nor manifests.
[[nodiscard]] Result<nlohmann::ordered_json> list_tags(store::Store& store,
                                                       const store::RepositoryKey& repository,
                                                       const ListPageOf& page);
// By its tag or, if `reference` is one, its digest. `not_found` if it is not here.
[[nodiscard]] Result<nlohmann::ordered_json> image_tree(store::Store& store,
                                                        const store::RepositoryKey& repository,
                                                        const std::string& reference);

}  // namespace breakwater::routes
