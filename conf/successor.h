// The process that takes the place of this one, started by this one: SIGUSR2, see ending.h and hand_over.h.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "store/base/result.h"

namespace breakwater::conf {

// The command that starts this program once more, from where it was started from, as a successor. Empty if
// nobody knows where that is. To be asked before another program is installed there.
std::vector<std::string> successor_command(int argc, const char* const* argv);

// Starts `command` with no signal blocked, and returns its number. It is a child of whoever adopts orphans,
// and not of this process: systemd supervises only its own children well. `not_found` for an empty command.
[[nodiscard]] Result<pid_t> start_successor(const std::vector<std::string>& command);

}  // namespace breakwater::conf
