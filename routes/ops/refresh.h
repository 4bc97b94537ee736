// Asks upstream now what a tag of a mirror names, whatever its age, and whatever min_age holds back.
//
//   refresh {"image": "alpine:3.20"}
//   answer  {"image": "dockerhub/library/alpine:3.20", "before": "sha256:…", "digest": "sha256:…",
//            "changed": true}
//
// "before" is not there if the tag was not known. A dry run has "before" alone. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/loop/task.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

proxy::Task<Result<Json>> refresh(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                  Sight sight);
std::string refresh_words(const Json& answer);

}  // namespace breakwater::routes
