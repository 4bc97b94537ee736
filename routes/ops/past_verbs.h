// What was, as operations: the savings, the last requests, and the builds' caches, with their arguments and
// in words.
//
//   savings?since=7d&route=dockerhub
//   requests?client=10.0.0.7&result=miss&image=alpine&after=120&wait=true
//   caches?repository=private/team/app
//
// `requests` with `wait` waits up to half a minute until there is one behind `after`.
#pragma once

#include <memory>
#include <string>

#include "proxy/loop/task.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

// May block; any thread.
[[nodiscard]] Result<Json> saved_of_store(const StoreSide& side, const Arguments& arguments);
// With what was counted in the last minute. The loop's thread.
proxy::Task<Result<Json>> saved(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                Sight sight);
std::string saved_words(const Json& answer);

proxy::Task<Result<Json>> log(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                              Sight sight);
std::string log_words(const Json& answer);

// May block; any thread.
[[nodiscard]] Result<Json> cache(const StoreSide& side, const Arguments& arguments);
std::string cache_words(const Json& answer);

}  // namespace breakwater::routes
