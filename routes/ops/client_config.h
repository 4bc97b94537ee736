// What a client's machine is configured with so that it pulls through here: whole files, made of the routes
// that there are.
//
//   client-config?client=containerd&host=breakwater.internal
//   {"client": "containerd", "host": "breakwater.internal",
//    "files": [{"path": "/etc/containerd/certs.d/_default/hosts.toml", "text": "…", "note": "…"}],
//    "then": ["systemctl restart …"]}
//
// Pure; any thread.
#pragma once

#include <string>

#include "routes/ops/operation.h"

namespace breakwater::routes {

[[nodiscard]] Result<Json> client_config(const RouteDirectory& directory, const Arguments& arguments);
std::string client_config_words(const Json& answer);

}  // namespace breakwater::routes
