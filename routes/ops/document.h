// `inspect`: what one manifest or index says, and for an image its config and how its layers came to be.
//
//   {"image": "dockerhub/library/alpine:3.20", "route", "repository", "tag", "digest": "sha256:…",
//    "media_type", "bytes": 1, "here": true, "kind": "image", "artifact_type",
//    "subject": {"digest", "media_type", "bytes"}, "annotations": {"org.opencontainers.image.title": "…"},
//    "set_at", "checked_at", "last_pulled_at",
//    "config": {"digest", "media_type", "bytes", "here": true, "platform": "linux/arm64/v8", "created",
//               "author", "user", "working_dir", "stop_signal", "labels": {}, "env": [], "entrypoint": [],
//               "cmd": [], "exposed_ports": [], "volumes": []},
//    "layers": [{"digest", "media_type", "bytes", "here": true, "annotations", "created", "created_by",
//                "comment"},
//               {"empty": true, "created", "created_by", "comment"}],
//    "cut": false}
//
//   {…, "kind": "index", "manifests": [{"digest", "media_type", "bytes", "here", "platform",
//                                       "artifact_type", "annotations"}], "cut": false}
//
// `kind`: "index"; "image", which has an image's config; "artifact", any other; "unknown", if it is not here
// or cannot be read (then `unreadable` says why). What is not said is absent. Layers and the lines of history
// that made them are paired as `docker history` does, the lowest first, with a row that is `empty` for a line
// that made no layer. If there are more or fewer lines than layers, nobody knows whose they are: then they
// are apart, in `history`. A config is read if it is an image's, is here, and has at most kConfigBytesMax.
//
// All texts are those of strangers, as they are, and hold anything. One of more than kTextBytesMax is cut,
// and so is what is beyond kAnswerBytesMax of all, or kRowsMax rows of a list; `cut` says that something was.
// May block; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/store.h"

namespace breakwater::routes {

inline constexpr uint64_t kConfigBytesMax = 4U << 20;

struct DocumentBounds {
  size_t text_bytes_max = 8 << 10;
  size_t answer_bytes_max = 1 << 20;  // of texts, and of the names of what has them
  size_t rows_max = 2000;             // of one list
};
// By its tag or, if `reference` is one, its digest. `not_found` if nothing here has such a one or names it.
[[nodiscard]] Result<nlohmann::ordered_json> document(store::Store& store,
                                                      const store::RepositoryKey& repository,
                                                      const std::string& reference,
                                                      const DocumentBounds& bounds = {});

}  // namespace breakwater::routes
