#include "proxy/upstream/proxy_choice.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "proxy/http/host_pattern.h"
#include "proxy/http/ip_address.h"

namespace breakwater::proxy {
namespace {

std::string first_of(const ProxyChoice::Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto value = environment(name); value && !value->empty()) return *value;
  return "";
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> entries;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(", \t"), text.size());
    std::string entry(text.substr(0, end));
    for (char& c : entry)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!entry.empty()) entries.push_back(std::move(entry));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

struct Address {
  std::array<uint8_t, 16> bytes{};
  unsigned bits = 0;  // 32 or 128; 0 = no address
};

Address address_of(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1)
    address.bits = 32;
  else if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1)
    address.bits = 128;
  return address;
}

bool in_network(const std::string& host, std::string_view network) {
  size_t slash = network.find('/');
  if (slash == std::string_view::npos) return false;
  Address base = address_of(std::string(network.substr(0, slash)));
  Address address = address_of(host);
  unsigned prefix = 0;
  std::string_view length = network.substr(slash + 1);
  auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), prefix);
  bool valid =
      error == std::errc() && end == length.data() + length.size() && base.bits != 0 && prefix <= base.bits;
  if (!valid || base.bits != address.bits) return false;
  for (unsigned bit = 0; bit < prefix; ++bit) {
    auto mask = static_cast<uint8_t>(0x80u >> (bit % 8));
    if ((base.bytes[bit / 8] & mask) != (address.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

bool is_below(std::string_view host, std::string_view domain) {
  if (domain.starts_with('.')) domain.remove_prefix(1);
  if (domain.empty() || !host.ends_with(domain)) return false;
  return host.size() == domain.size() ||
         (host[host.size() - domain.size() - 1] == '.' && !IpAddress::parse(host));
}

}  // namespace

ProxyChoice::ProxyChoice(const Environment& environment)
    : http_(first_of(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})),
      https_(first_of(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})),
      exceptions_(split(first_of(environment, {"no_proxy", "NO_PROXY"}))) {}

std::string ProxyChoice::proxy_for(const Endpoint& endpoint) const {
  const std::string& proxy = endpoint.scheme == "https" ? https_ : http_;
  return proxy.empty() || is_exception(endpoint) ? "" : proxy;
}

bool ProxyChoice::is_exception(const Endpoint& endpoint) const {
  return std::any_of(exceptions_.begin(), exceptions_.end(), [&](const std::string& entry) {
    if (entry == "*" || is_below(endpoint.host, entry) || in_network(endpoint.host, entry)) return true;
    const auto exact = HostPattern::parse(entry);
    return exact && exact->matches(endpoint);
  });
}

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables here
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace breakwater::proxy
