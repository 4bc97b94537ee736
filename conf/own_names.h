// Names that lead to this process, for the Host of requests: those of the machine, those that it listens on,
// and those by which clients know a registry of ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace breakwater::conf {

// In normal form, each once. `machine` is what gethostname() says, and `hosts_file` is the text of
// /etc/hosts: the names in a line that has the machine's are the machine's too. DNS is not asked, because it
// may be slow, and others write it. Pure.
std::vector<std::string> own_names(const Config& config, std::string_view machine,
                                   std::string_view hosts_file);
// The same, of this machine.
std::vector<std::string> own_names(const Config& config);
// What gethostname() says; "" if nothing.
std::string machine_name();

}  // namespace breakwater::conf
