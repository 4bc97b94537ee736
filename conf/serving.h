// What `breakwater serve` does, from the first Appliance to the last: it is built, runs, and after a reload
// is built anew; a successor takes its place; or the process ends.
//
//   build --> run --terminate------------------------> end
//     ^        |---reload: the new configuration, or the old one if that cannot be built
//     |        |---a successor asks: give() --it serves--> end
//     |--------|--------------------`--it does not: go on
//     |        `---a restart: keep() ---systemd has it---> end
//     `-----------------------------`--it has not: go on, and terminate
//
// Signals are those of ending.h. SIGUSR2 starts this program anew, from where it was started from, as its own
// successor: a new version, if one has been installed there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/config.h"

namespace breakwater::conf {

struct Serving {
  std::function<tl::expected<Config, ConfigErrors>()> read_config;  // for a reload; may block
  bool takes_over = false;
  std::vector<std::string> command;  // that starts a successor: the program's path, and its arguments
};

// The process's exit status.
int serve(Config config, const Serving& serving);

}  // namespace breakwater::conf
