// The verbs that import images into a data folder and export them from it. Each returns the exit status of
// the process: 0, or 1 with the reason on stderr. No other process may have the folder open.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int import_images(const Config& config, const Options& options);
int export_images(const Config& config, const Options& options);

}  // namespace breakwater::conf
