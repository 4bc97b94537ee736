// The proxies that are believed what they say of their clients: the networks that "trusted_proxies" names.
// A value; any thread.
#pragma once

#include <string>
#include <vector>

#include "proxy/http/ip_address.h"
#include "store/base/result.h"

namespace breakwater::proxy {

class TrustedProxies {
 public:
  // Parses entries such as "10.0.20.7", "127.0.0.0/8" and "fd00::/8". The error is `invalid` and quotes the
  // entry.
  [[nodiscard]] static Result<TrustedProxies> parse(const std::vector<std::string>& entries);

  bool empty() const { return networks_.empty(); }
  bool contains(const IpAddress& address) const;
  const std::vector<std::string>& text() const { return text_; }  // as given to parse()

 private:
  std::vector<IpNetwork> networks_;
  std::vector<std::string> text_;
};

}  // namespace breakwater::proxy
