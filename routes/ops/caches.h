// The caches of builds in our registries: `cache [REPOSITORY]`, and `caches` of the API. A cache is a tag
// that its registry's policy calls one; what is known of its pushes is in store/history/cache_generations.h.
// May block; any thread.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

inline constexpr size_t kCachesMax = 100;  // in one answer

struct CachesQuestion {
  std::string route;          // only of this one; "": of all
  std::string repository;     // only of this one, and with generations and layers; "": of all
  std::string after;          // `next` of the answer before; "": from the start
  size_t limit = kCachesMax;  // at most that
  Sight sight = {};           // of whoever asks: no others
};

// In the order of the names. An answer looks at no more than some thousand tags, so it may have fewer than
// `limit` although there is more.
//
//   {"caches": [{"route": "private", "repository": "team/app", "tag": "main-cache", "digest": "sha256:…",
//                "pushed_at": "…Z", "age_s": 60,
//                "bytes": 5908, "layers": 2,          of the newest generation; null: it was pushed before
//                                                     generations were recorded
//                "imported_at": "…Z" or null, "imports": 3,
//                "pushes": 40, "new_bytes": 900, "reused_bytes": 5008,    of the newest generation
//                "generations": [{"at", "digest", "bytes", "layers", "new_bytes", "new_layers",
//                                 "reused_bytes", "reused_layers"}],      the newest first, at most 30
//                "layers_seen": [{"digest", "bytes", "position" or null, "generations": 30,
//                                 "is_in_newest": true}],                 of these generations
//                "churn": [{"position": 7, "changes": 12, "bytes": 4800}]}],  the positions whose layer was
//                                                     another from one generation to the next, and what all
//                                                     of these layers had; the most bytes first
//    "next": "private/team/app:main-cache" or null}
[[nodiscard]] Result<nlohmann::ordered_json> caches(store::Store& store, const CachesQuestion& question);

}  // namespace breakwater::routes
