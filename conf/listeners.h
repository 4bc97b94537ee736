// The addresses that names among the listeners stand for. The names are resolved when the process starts, and
// by check-config, which thereby finds what a start would.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/http/ip_address.h"
#include "store/base/result.h"

namespace breakwater::conf {

using Resolver = std::function<Result<std::vector<proxy::IpAddress>>(const std::string& name)>;

// What the system knows of a name: /etc/hosts, DNS. Blocks. Addresses of a kind that this machine does not
// have at all (IPv6, say) are left out.
Result<std::vector<proxy::IpAddress>> resolve_by_system(const std::string& name);

// The same Config with an address, or several, in the place of each name. The errors are those of
// parse_config(): a line for each name that resolves to nothing, and for each collision that shows only now.
[[nodiscard]] tl::expected<Config, ConfigErrors> resolve_listeners(Config config, const Resolver& resolver);

}  // namespace breakwater::conf
