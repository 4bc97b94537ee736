#include "conf/behind_proxies.h"

#include <cstddef>
#include <utility>

namespace breakwater::conf {

void read_trusted_proxies(JsonObject& object, proxy::TrustedProxies& proxies) {
  constexpr const char* kKey = "trusted_proxies";
  std::vector<std::string> entries;
  object.strings(kKey, entries);
  auto parsed = proxy::TrustedProxies::parse(entries);
  if (!parsed) return object.wrong(kKey, parsed.error().message);
  proxies = *std::move(parsed);
}

void check_proxy_protocol(const Config& config, std::vector<std::string>& errors) {
  if (!config.server.trusted_proxies.empty()) return;
  const auto check = [&errors](bool is_asked_for, const std::string& where) {
    if (is_asked_for)
      errors.push_back(where +
                       ".proxy_protocol: says who has connected, and is taken from trusted_proxies only: set "
                       "that too, to the addresses of the proxies");
  };
  for (size_t i = 0; i < config.routes.size(); ++i)
    check(config.routes[i].proxy_protocol, "routes[" + std::to_string(i) + "]");
  check(config.metrics.proxy_protocol, "metrics");
  check(config.admin.proxy_protocol, "admin");
}

}  // namespace breakwater::conf
