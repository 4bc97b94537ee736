// `du` for people and programs: store/upkeep/usage.h as JSON.
//
//   {"by": "route", "total_bytes": 1, "blobs_bytes": 1, "incoming_bytes": 1, "trash_bytes": 1,
//    "catalog_bytes": 1, "other_bytes": 1, "unattributed_bytes": 1, "rule": "a blob is …",
//    "routes": [{"route": "dockerhub", "kind": "mirror", "blobs": 1, "unique_bytes": 1, "shared_bytes": 1,
//                "paid_bytes": 1, "pinned_bytes": 1, "incoming_bytes": 1, "freed_bytes": 1,
//                "bytes_max": 1}]}
//   {"by": "repository", …, "shared_bytes": 1, "unheld_bytes": 1,
//    "repositories": [{"route": "private", "repository": "team/app", "unique_bytes": 1, "shared_bytes": 1,
//                      "freed_bytes": 1}],
//    "left_out": {"repositories": 1, "unique_bytes": 1}}
//   {"by": "client", …,
//    "clients": [{"client": "10.0.20.7", "blobs": 1, "bytes": 1, "incoming_bytes": 1}],
//    "left_out": {"bytes": 1, "incoming_bytes": 1}}
//
//   {"by": "tag", "route": "private", "repository": "team/app",
//    "tags": [{"tag": "1.2", "digest": "sha256:…", "bytes": 1, "unique_bytes": 1, "shared_bytes": 1,
//              "freed_bytes": 1, "pinned": false, "at_least": false}],
//    "last": "1.2"}
//
// All bytes are on the disk, in whole blocks. By route, all `paid_bytes`, `incoming_bytes`, `trash_bytes`,
// `catalog_bytes` and `other_bytes` are `total_bytes`, with `unattributed_bytes` and what is incoming for
// nobody. By repository, all `unique_bytes` with `shared_bytes` (which several repositories have, counted
// once) and `unheld_bytes` are `blobs_bytes`. By client, all `bytes` are `blobs_bytes`: a blob counts for who
// pushed it, or asked a mirror for it before anybody else; `client` is "" where that is not known, as of what
// a version before has stored, and of manifests that a mirror fetched. `kind` is "mirror", "registry", or
// "left": not configured any more. `bytes_max` is absent where there is no bound. Rows come with what frees
// most first; what is beyond `rows_max` is in `left_out`, so that the sum is right.
//
// By tag: of what a tag needs and is here (`bytes`), `unique_bytes` is what nothing else has, and
// `shared_bytes` the rest; `freed_bytes` is what deleting that one tag would give back, signatures that go
// with it too. Rows come in the order of their names, and `last` is there if there is more: the name to go on
// behind.
//
// It blocks for as long as a walk over the catalog takes. `conflict` if it was stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/store.h"

namespace breakwater::routes {

struct UsageQuestion {
  enum class By : uint8_t { route, repository, client };
  By by = By::route;
  std::string route;       // only rows of this one; empty: of all
  size_t rows_max = 1000;  // repositories or clients
  // Of whoever asks: routes and repositories have rows of what is seen alone. All other figures are of the
  // whole.
  Sight sight = {};
};
struct TagUsageQuestion {
  static constexpr size_t kRowsMax = 100;
  store::RepositoryKey repository;
  std::string after = {};  // those behind this name
  size_t rows_max = kRowsMax;
};
// `not_found` if the repository has neither tags nor manifests. Costs a planned removal for each row.
[[nodiscard]] Result<nlohmann::ordered_json> usage_by_tag(store::Store& store,
                                                          const TagUsageQuestion& question,
                                                          const std::stop_token& stop);

[[nodiscard]] Result<nlohmann::ordered_json> usage(store::Store& store, const UsageQuestion& question,
                                                   const std::stop_token& stop);

}  // namespace breakwater::routes
