// What is left out for a caller who does not see all repositories (access/sight.h): what he does not see is
// for him as what is not there. Pure; any thread.
#pragma once

#include "routes/access/sight.h"
#include "routes/ops/image_name.h"
#include "routes/ops/server_side.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/references/image_pattern.h"

namespace breakwater::routes {

// `not_found`, in the words that are said of what is not there.
[[nodiscard]] Result<> check_seen(const Sight& sight, const store::RepositoryKey& repository);
[[nodiscard]] Result<> check_seen(const Sight& sight, const ImageName& image);
// `denied` for what may match several repositories: what it would match cannot be told in part.
[[nodiscard]] Result<> check_seen(const Sight& sight, const store::ImagePattern& what);

// Of the server's state: routes of which he sees nothing, what is under way or broken elsewhere, and what is
// the operator's. Figures of a route are of all of it, as its metrics are.
void leave_out_unseen(ServerState& state, const Sight& sight);

}  // namespace breakwater::routes
