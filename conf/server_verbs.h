// The verbs that ask the process which serves the data folder, if there is one: why and gc --dry-run, because
// only that process knows the leases, and backup and forget-route, which it can do while it serves. Each
// returns the exit status of this process: 0, or 1 with the reason on stderr.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int why(const Config& config, const Options& options);
int plan_collection(const Config& config);
int back_up(const Config& config, const Options& options);
// Asks before it deletes anything, if it runs on a terminal and --yes was not given.
int forget_route(const Config& config, const Options& options);

}  // namespace breakwater::conf
