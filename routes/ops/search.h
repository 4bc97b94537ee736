// `search`: repositories and tags of all routes by parts of their names.
//
//   {"rows": [{"route": "dockerhub", "repository": "library/alpine"},
//             {"route": "dockerhub", "repository": "library/alpine", "tag": "3.20", "digest": "sha256:…",
//              "set_at": "2026-01-01T00:00:00Z"}],
//    "looked_at": 12, "next": "…"}
//
// A row's name is "route/repository" or "route/repository:tag", and each of the words is somewhere in it,
// whatever their case (of ASCII). A row without "tag" is a repository as a whole. First come those of which
// each word is a whole part (between slashes, a tag, or the whole name), then those of which each begins one,
// then the others; last the tags of which no word says anything beyond their repository's name. Within these
// by name.
//
// An answer looks at no more than kNamesMax names, and sorts what it finds among these: of a store with more
// the first ones come first, and a page may have few rows or none although more are to come. `next` is there
// if there is more: what `after` is to go on. May block; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "routes/access/sight.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::routes {

struct SearchQuestion {
  static constexpr size_t kRowsMax = 100;
  static constexpr size_t kWordsMax = 8;
  static constexpr size_t kBytesMax = 512;     // of all words together
  static constexpr size_t kNamesMax = 20'000;  // looked at for one answer

  std::string words = {};  // with spaces between them
  size_t limit = 50;
  std::string after = {};  // "" to begin; an answer's `next`
  size_t names_max = kNamesMax;
  Sight sight = {};  // of whoever asks: nothing else is looked at
};
// `invalid` if there is no word, if there are too many, or if `after` was never a `next`.
[[nodiscard]] Result<nlohmann::ordered_json> search(const store::Store& store,
                                                    const SearchQuestion& question);

}  // namespace breakwater::routes
