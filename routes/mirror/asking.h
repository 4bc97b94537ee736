// Whether upstream may be asked because of a request. It may not in a circle of appliances that ask each
// other, and not for a client that has had its questions of this minute. Belongs to the loop's thread.
#pragma once

#include <optional>

#include "proxy/clients/clients.h"
#include "proxy/loop/task.h"
#include "routes/mirror/mirror_parts.h"
#include "store/base/result.h"

namespace breakwater::routes {

// Why not; nothing if it may. `not_found` in a circle: who sent the request does without. `throttled` for a
// client that has had its share. A question that is being asked already (`is_being_asked`) costs upstream
// nothing, and the client neither.
proxy::Task<std::optional<Error>> refusal_to_ask(MirrorParts parts, const MirrorSettings& settings,
                                                 proxy::Asker asker, bool is_being_asked);

}  // namespace breakwater::routes
