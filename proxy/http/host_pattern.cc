#include "proxy/http/host_pattern.h"

#include <algorithm>

#include "proxy/http/host_name.h"

namespace breakwater::proxy {
namespace {

constexpr std::string_view kExamples =
    "write a host (cdn.internal), maybe with a port (cdn.internal:8443), "
    "*.internal, an IP address or a network (10.1.0.0/16)";

}  // namespace

Result<HostPattern> HostPattern::parse(std::string_view text) {
  const auto bad = [text](const std::string& why) {
    return failure(Error::Kind::invalid,
                   "'" + std::string(text) + "' " + why + ": " + std::string(kExamples));
  };
  if (text.find("://") != std::string_view::npos) return bad("is a URL and no host");
  if (text.find('/') != std::string_view::npos || IpAddress::parse(text)) {
    HostPattern pattern(text);
    auto network = IpNetwork::parse(text);
    if (!network) return failure(network.error());
    pattern.network_ = *network;
    return pattern;
  }
  const auto parts = split_port(text);
  if (!parts || parts->port == 0) return bad("is no host, or its port is no number from 1 to 65535");
  HostPattern pattern(text);
  pattern.is_below_ = parts->host.starts_with("*.");
  pattern.port_ = parts->port.value_or(0);
  if (const auto address = IpAddress::parse(parts->host)) {
    pattern.network_ = IpNetwork::one(*address);
    return pattern;
  }
  auto name = normal_host_name(pattern.is_below_ ? std::string_view(parts->host).substr(2) : parts->host);
  if (!name) return bad("names no host");
  pattern.name_ = std::move(*name);
  return pattern;
}

bool HostPattern::matches(const Endpoint& endpoint) const {
  if (!has_port_of(endpoint)) return false;
  if (network_) {
    const auto address = IpAddress::parse(endpoint.host);
    return address && network_->contains(*address);
  }
  return is_below_ ? endpoint.host.ends_with("." + name_) : endpoint.host == name_;
}

bool HostPattern::matches(const Endpoint& endpoint, const IpAddress& address) const {
  return matches(endpoint) || (has_port_of(endpoint) && network_ && network_->contains(address));
}

bool HostPattern::is_exactly(const Endpoint& endpoint, const IpAddress& address) const {
  if (!has_port_of(endpoint)) return false;
  if (network_) return network_->is_one_address() && network_->contains(address);
  return !is_below_ && endpoint.host == name_ && (has_port() || is_localhost(name_));
}

bool any_matches(const std::vector<HostPattern>& patterns, const Endpoint& endpoint) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&endpoint](const HostPattern& pattern) { return pattern.matches(endpoint); });
}

bool is_localhost(std::string_view host) { return host == "localhost" || host.ends_with(".localhost"); }

}  // namespace breakwater::proxy
