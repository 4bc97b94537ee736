// Keeps pages of other sites from using the browsers of those who may use a route. A page can post here, and
// Origin is then the page's; or its own name is made to lead here (DNS rebinding), and Host is then that
// name, and the page reads whatever is answered.
//
// A request is a browser's if it has Origin, Sec-Fetch-Site or Accept-Language. Browsers send the last with
// everything, and no page can take it out; Sec-Fetch-Site they leave out where plain HTTP leads to another
// machine. Clients of registries send none of the three.
//
//   - A browser's Host has to be one of ours: an IP address, "localhost", a name in HostSettings.
//   - A browser's request that is neither GET nor HEAD has to come from a page of the same host and port.
//   - Where the configuration has "hosts", the Host of every client has to be one of ours. A request without
//     Host is let through, because no browser sends one.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/host_pattern.h"
#include "proxy/http/http.h"

namespace breakwater::routes {

struct HostSettings {
  std::vector<std::string> own;  // names that lead here, in normal form, at any port
  // "hosts" of the configuration: what else is ours. Nothing: only browsers have to use a Host of ours.
  std::optional<std::vector<proxy::HostPattern>> named;
};

struct HostRefusal {
  std::string_view reason;  // for the log and the metrics: "host" or "origin"
  std::string message;      // for the client: what is wrong, and what to do about it
};

// Why the request is not served, if it is not.
std::optional<HostRefusal> host_refusal(const HostSettings& settings, const proxy::Request& request);

}  // namespace breakwater::routes
