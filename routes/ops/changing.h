// What changes how it serves: the configuration, whether registries take anything, whether it asks for no
// more clients.
//
//   reload     {}                  -> {"changes": ["routes[private].bytes_max: \"20GiB\" -> \"30GiB\"", …]}
//   read-only  {"state": "on"}     -> {"read_only": true}
//   drain      {"state": "off"}    -> {"draining": false}
//
// A reload that is wrong in any way changes nothing, and says what is wrong. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/loop/task.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

proxy::Task<Result<Json>> reload(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                 Sight sight);
std::string reload_words(const Json& answer);

proxy::Task<Result<Json>> read_only(ServerSide& server, Arguments arguments,
                                    std::shared_ptr<Progress> progress, Sight sight);
std::string read_only_words(const Json& answer);

proxy::Task<Result<Json>> drain(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                Sight sight);
std::string drain_words(const Json& answer);

}  // namespace breakwater::routes
