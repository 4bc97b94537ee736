// What a configuration allows and most likely nobody wants. check-config prints it, and a start logs it.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace breakwater::conf {

// One sentence each, with what to do: a secret that every user of this machine can read, and a list of
// networks that lets in all of IPv6 and nothing of IPv4. Looks at the files.
std::vector<std::string> warnings(const Config& config);

// Those of them that say that somebody on a network may push or delete without a name: `status` tells them
// too.
std::vector<std::string> unnamed_changes(const Config& config);

}  // namespace breakwater::conf
