// Which HTTP proxy a request goes through, from the environment, as curl and most daemons read it:
// HTTPS_PROXY or https_proxy for https, HTTP_PROXY or http_proxy for http, ALL_PROXY or all_proxy for either;
// NO_PROXY or no_proxy lists exceptions. The lower-case name wins. Pure once made; any thread.
//
// It is decided here, not inside libcurl, because libcurl ignores HTTP_PROXY in upper case (a rule meant for
// CGI programs), and because it does not say whether it used a proxy: then the peer's address is the proxy's
// and says nothing about the target.
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

  // The proxy's address, or "" for none.
  std::string proxy_for(const Endpoint& endpoint) const;

 private:
  bool is_exception(const Endpoint& endpoint) const;
  std::string http_;
  std::string https_;
  // "*", "example.com" (and all below it), "10.0.0.7", "10.0.0.0/8", each maybe with a port.
  std::vector<std::string> exceptions_;
};

// The process's own environment.
std::optional<std::string> process_environment(const char* name);

}  // namespace breakwater::proxy
