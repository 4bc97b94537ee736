// The verbs that tell the operator about a data folder: why, and gc --dry-run. Each is the exit status of the process: 0, or 1 and why on
// stderr. They ask the process that serves the folder, if one does, because only it knows what is leased.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int why(const Config& config, const Options& options);
int plan_collection(const Config& config);

}  // namespace breakwater::conf
