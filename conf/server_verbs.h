// The verbs that ask the process which serves the data folder, if there is one: why and gc --dry-run, because
// only that process knows the leases. Each returns the exit status of this process: 0, or 1 with the reason
// on stderr.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int why(const Config& config, const Options& options);
int plan_collection(const Config& config);

}  // namespace breakwater::conf
