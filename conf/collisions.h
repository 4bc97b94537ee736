// The mistakes of a configuration that no single key shows: two routes with one name, one mirrored registry
// or one address to listen on. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace breakwater::conf {

// Each appends a line to `errors` for each collision, with the path of the key that comes second.
void check_names(const Config& config, std::vector<std::string>& errors);
void check_listeners(const Config& config, std::vector<std::string>& errors);

}  // namespace breakwater::conf
