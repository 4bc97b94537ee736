// Fetches images of mirrors beforehand, through the ordinary way of a pull: what is asked for meanwhile joins
// the same downloads, and what is here already costs upstream a question about the tag at most.
//
//   fetch   {"image": ["alpine:3.20", …], "platform": ["linux/amd64"]}
//   answer  {"well": true, "images": [{"image": "dockerhub/library/alpine:3.20", "digest", "manifests",
//            "blobs", "bytes", "downloaded_blobs"}], "bytes", "failed": 0}
//
// An image that could not be fetched has "error" instead, and the others go on. A dry run says of each
// whether its manifest is here ("held"), and asks nobody. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/loop/task.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

proxy::Task<Result<Json>> fetch(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                Sight sight);
std::string fetch_words(const Json& answer);

}  // namespace breakwater::routes
