// What is there, and what is kept, removed and broken off of it, as operations: their arguments, and their
// answers in words. The JSON is that of listing.h, pin_list.h, removals.h and upload_list.h.
//
//   images?of=private/team/app&limit=100&after=1.2     ls
//   pins, pin {"what"}, unpin {"what"}
//   purge {"what"}, remove {"what"}                     rm
//   uploads, abort-upload {"id"}                        uploads, and uploads --abort ID
//
// All may block; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

// The route that names of registries stand for without a route, for rm: "" unless there is one registry only.
std::string only_registry(const RouteDirectory& directory);

[[nodiscard]] Result<Json> list_images(const StoreSide& side, const Arguments& arguments);
std::string images_words(const Json& answer);

[[nodiscard]] Result<Json> list_pins(const StoreSide& side, const Arguments& arguments);
std::string pins_words(const Json& answer);
[[nodiscard]] Result<Json> pin_images(const StoreSide& side, const Arguments& arguments);
[[nodiscard]] Result<Json> unpin_images(const StoreSide& side, const Arguments& arguments);
std::string pin_words(const Json& answer);

[[nodiscard]] Result<Json> purge_images(const StoreSide& side, const Arguments& arguments);
[[nodiscard]] Result<Json> remove_images(const StoreSide& side, const Arguments& arguments);
std::string removal_words(const Json& answer);

[[nodiscard]] Result<Json> list_uploads(const StoreSide& side, const Arguments& arguments);
std::string uploads_words(const Json& answer);
[[nodiscard]] Result<Json> abort_one_upload(const StoreSide& side, const Arguments& arguments);
std::string abort_words(const Json& answer);

}  // namespace breakwater::routes
