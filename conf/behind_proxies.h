// What the configuration says of proxies in front: "trusted_proxies", and "proxy_protocol" of a listener.
// Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/json_object.h"

namespace breakwater::conf {

void read_trusted_proxies(JsonObject& object, proxy::TrustedProxies& proxies);
// Each listener that asks for the PROXY protocol needs somebody who may speak it.
void check_proxy_protocol(const Config& config, std::vector<std::string>& errors);

}  // namespace breakwater::conf
