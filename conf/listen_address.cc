#include "conf/listen_address.h"

#include <utility>

#include "proxy/http/host_name.h"
#include "proxy/http/url.h"

namespace breakwater::conf {

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  const auto bad = [text](const std::string& why) {
    return failure(Error::Kind::invalid,
                   "expected <address>:<port>, such as \"0.0.0.0:5000\" or \"[::1]:5000\""
                   ", not \"" +
                       std::string(text) + "\": " + why);
  };
  if (text.starts_with(':') || text.starts_with("*:"))
    return bad("write 0.0.0.0 for every IPv4 address, or [::] for every address");
  if (text.find("://") != std::string_view::npos) return bad("it is a URL");
  const auto parts = proxy::split_port(text);
  if (!parts || !parts->port)
    return bad("a port from 0 to 65535 is due behind it, and brackets around an IPv6 address only");
  if (const auto address = proxy::IpAddress::parse(parts->host)) return ListenAddress(*address, *parts->port);
  if (parts->host.find('%') != std::string::npos)
    return bad("an address with a zone cannot be listened on; [::] can");
  auto name = proxy::normal_host_name(parts->host);
  if (!name) return bad("that is neither an IP address nor a host's name");
  return ListenAddress(std::move(*name), *parts->port);
}

ListenAddress::ListenAddress(const proxy::IpAddress& address, uint16_t port)
    : host_(address.text()), address_(address), port_(port) {}

std::string ListenAddress::text() const { return proxy::bracketed(host_) + ":" + std::to_string(port_); }

bool ListenAddress::takes(const ListenAddress& other) const {
  if (host_ == "::") return true;
  return host_ == "0.0.0.0" && other.address_ && other.address_->is_ipv4();
}

bool ListenAddress::collides_with(const ListenAddress& other) const {
  if (port_ != other.port_ || port_ == 0) return false;
  return host_ == other.host_ || takes(other) || other.takes(*this);
}

}  // namespace breakwater::conf
