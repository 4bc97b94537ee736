// The verbs that ask the process that serves the data folder, if one does: why and gc --dry-run, because only
// it knows what is leased, and backup, which it makes while it serves. Each is the exit status of the
// process: 0, or 1 and why on stderr.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int why(const Config& config, const Options& options);
int plan_collection(const Config& config);
int back_up(const Config& config, const Options& options);

}  // namespace breakwater::conf
