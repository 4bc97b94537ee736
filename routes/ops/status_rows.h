// The rows of `status` (status.h has their shapes). Pure; any thread.
#pragma once

#include <string_view>

#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"

namespace breakwater::routes {

// "well", "throttled", "refuses_credentials" or "unreachable"; `now` is of the wall clock.
std::string_view state_of(const proxy::RegistryClientStats& stats, store::Time now);
int64_t seconds_between(store::Time from, store::Time to);

void add_use(Json& json, const store::Budget::Use& use);
Json json_of(const ServerState::Route& route, store::Time now);
Json json_of(const proxy::RunningFill& fill, store::Time now);
Json json_of(const ServerState::Upload& upload);
Json json_of(const store::BrokenThing& thing);
Json json_of(const WebhookState& webhook);

}  // namespace breakwater::routes
