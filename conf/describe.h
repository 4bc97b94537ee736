// The text that check-config prints for a valid configuration. Pure; any thread.
#pragma once

#include <string>

#include "conf/config.h"

namespace breakwater::conf {

// What would run: one line for each listener and bound. Contains no secrets.
std::string describe(const Config& config);

}  // namespace breakwater::conf
