// The verbs that import images into a data folder and export them from it. Each returns the exit status of
// the process: 0 if everything came along; 1 if something was left out, which the last line on stdout counts,
// or with the reason on stderr. No other process may have the folder open.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int import_images(const Config& config, const Options& options);
int export_images(const Config& config, const Options& options);

}  // namespace breakwater::conf
