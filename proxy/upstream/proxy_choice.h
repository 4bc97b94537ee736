// Which HTTP proxy a request goes through. The environment decides, as for curl and most daemons: HTTPS_PROXY
// or https_proxy for https, HTTP_PROXY or http_proxy for http, ALL_PROXY or all_proxy for either. NO_PROXY or
// no_proxy lists exceptions. The lower-case name wins. Immutable after construction; any thread.
//
// The choice is made here and not inside libcurl for two reasons. libcurl ignores HTTP_PROXY in upper case (a
// rule meant for CGI programs). And libcurl does not say whether it used a proxy; if it did, the address of
// the peer is that of the proxy and says nothing about the target.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/url.h"

namespace breakwater::proxy {

class ProxyChoice {
 public:
  using Environment = std::function<std::optional<std::string>(const char* name)>;

  explicit ProxyChoice(const Environment& environment);

  // The address of the proxy, or "" if the request goes straight to its target.
  std::string proxy_for(const Endpoint& endpoint) const;

 private:
  bool is_exception(const Endpoint& endpoint) const;
  std::string http_;
  std::string https_;
  // "*", "example.com" (which includes its subdomains), "10.0.0.7", "10.0.0.0/8"; a name or an address may
  // have a port.
  std::vector<std::string> exceptions_;
};

// Looks up a variable of the process's own environment.
std::optional<std::string> process_environment(const char* name);

}  // namespace breakwater::proxy
