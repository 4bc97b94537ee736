// The verbs that bring images into a data folder and out of it. Each is the exit status of the process: 0, or
// 1 and why on stderr. They want the folder for themselves.
#pragma once

#include "conf/config.h"
#include "conf/options.h"

namespace breakwater::conf {

int import_images(const Config& config, const Options& options);
int export_images(const Config& config, const Options& options);

}  // namespace breakwater::conf
