// Taking over what another registry, or another tool, has written, and writing what is stored as image
// layouts.
//
//   import   {"route": "private", "from": "/old"}    -> {"tags", "manifests", …, "left_out", "damaged",
//   "lines",
//            or "layout", "tag", "repository"            "well", "words"}
//   export   {"route": "private", "to": "/images"}   -> {"repositories", "tags", "referrers", …, "lines",
//   "well",
//            or "repository"                             "words"}
//
// The folder is of whoever asks: a server works on it by what they lend (proxy/server/lent_disk.h). What is
// left out or damaged is one line each: said as it is found, and in the answer, up to kTransferLinesMax of
// them. An import that is stopped, or that finds no room, says so as "stopped" beside what it has done;
// another run goes on from there.
//
// Each tag of a registry that an import sets is a `push` event, whose reason says so. They take at most half
// of the queue of events, so that of 100 000 tags none pushes out what others have done; what finds no room
// there is counted as dropped, and as "tags_untold" in the answer: who has to know all of them lists the
// tags. Into a registry nothing is imported, `denied`, while it is read-only. May block, for hours; any
// thread.
#pragma once

#include <cstddef>
#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

inline constexpr size_t kTransferLinesMax = 1000;

// What no parameter tells alone: `invalid`.
[[nodiscard]] Result<> check_import(const Arguments& arguments);
[[nodiscard]] Result<Json> import_images(const StoreSide& side, const Arguments& arguments);
[[nodiscard]] Result<Json> export_images(const StoreSide& side, const Arguments& arguments);
std::string transfer_words(const Json& answer);  // of both

}  // namespace breakwater::routes
