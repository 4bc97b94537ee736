// The verbs of the table of operations (routes/ops/operations.h). Each asks the process that serves the data
// folder; if nobody does, what is about the store alone is done on the folder itself.
//
// Exit status: 0 done, 1 something is wrong with what was looked at, or it could not be done; 2 it could not
// be tried.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

// An act asks before it does anything, if it runs on a terminal and --yes was not given: it shows what would
// be done. What takes minutes shows how far it is, on a terminal as it goes, elsewhere a line now and then.
int run_operation(Config config, Options options);

}  // namespace breakwater::conf
