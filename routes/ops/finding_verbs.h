// What is there, found by parts of its name, and what one image says, as operations: their arguments, and
// their answers (search.h and document.h) in words.
//
//   search?q=alpine%203.20&limit=50&after=…      search WORDS
//   document?of=dockerhub/library/alpine:3.20    inspect IMAGE
//
// All may block; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

[[nodiscard]] Result<Json> search_images(const StoreSide& side, const Arguments& arguments);
std::string search_words(const Json& answer);

[[nodiscard]] Result<Json> inspect_image(const StoreSide& side, const Arguments& arguments);
std::string document_words(const Json& answer);

}  // namespace breakwater::routes
