#include "conf/listeners.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "conf/collisions.h"

namespace breakwater::conf {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

bool is_scoped(const sockaddr* address) {
  if (address->sa_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  return v6.sin6_scope_id != 0;
}

proxy::IpAddress address_of(const sockaddr* address) {
  proxy::IpAddress::Bytes bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(&bytes[12], &v4.sin_addr, 4);
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  }
  return proxy::IpAddress(bytes);
}

void resolve(std::vector<ListenAddress>& listen, const std::string& path, const Resolver& resolver,
             std::vector<std::string>& errors) {
  std::vector<ListenAddress> resolved;
  for (const auto& address : listen) {
    if (!address.is_name()) {
      resolved.push_back(address);
      continue;
    }
    const auto found = resolver(address.host());
    if (!found) {
      errors.push_back(path + ".listen: \"" + address.text() + "\": " + found.error().message +
                       "; write an address of this machine, such as \"127.0.0.1:5000\"");
      continue;
    }
    for (const auto& one : *found) resolved.emplace_back(one, address.port());
  }
  listen = std::move(resolved);
}

}  // namespace

Result<std::vector<proxy::IpAddress>> resolve_by_system(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0)
    return failure(Error::Kind::not_found,
                   "the name cannot be resolved: " + std::string(gai_strerror(error)));
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  std::vector<proxy::IpAddress> addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    // Without the interface that it belongs to, a link-local address cannot be listened on.
    if (is_scoped(one->ai_addr)) continue;
    const auto address = address_of(one->ai_addr);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(address);
  }
  if (addresses.empty()) return failure(Error::Kind::not_found, "the name has only link-local addresses");
  return addresses;
}

tl::expected<Config, ConfigErrors> resolve_listeners(Config config, const Resolver& resolver) {
  ConfigErrors errors;
  for (size_t i = 0; i < config.routes.size(); ++i)
    resolve(config.routes[i].listen, "routes[" + std::to_string(i) + "]", resolver, errors.lines);
  resolve(config.metrics.listen, "metrics", resolver, errors.lines);
  resolve(config.admin.listen, "admin", resolver, errors.lines);
  check_listeners(config, errors.lines);
  if (!errors.lines.empty()) return tl::unexpected<ConfigErrors>(std::move(errors));
  return config;
}

}  // namespace breakwater::conf
