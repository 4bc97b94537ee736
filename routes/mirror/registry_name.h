// The registry that a client means, as `?ns=` and the settings name it. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace breakwater::routes {

// The name in the one form in which names are compared: "docker.io", "registry.lan:5050", "[fd00::1]:5000".
// Letters are lower case, port 443 is left out, and what Docker calls Docker Hub elsewhere (index.docker.io,
// registry-1.docker.io) is docker.io. Nothing if the text is no host and maybe a port.
std::optional<std::string> normal_registry(std::string_view text);

}  // namespace breakwater::routes
