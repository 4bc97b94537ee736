#include "routes/access/hosts.h"

#include <algorithm>
#include <cstdint>

#include "proxy/http/host_name.h"
#include "proxy/http/ip_address.h"
#include "proxy/http/url.h"

namespace breakwater::routes {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;

// A Host, with its host in the form in which hosts are compared.
struct Authority {
  std::string host;
  std::optional<uint16_t> port;
};

// Nothing if it is neither an address nor a name.
std::optional<Authority> authority_of(std::string_view text) {
  auto parts = proxy::split_port(text);
  if (!parts) return std::nullopt;
  const auto address = proxy::IpAddress::parse(parts->host);
  auto host = address ? address->text() : proxy::normal_host_name(parts->host);
  if (!host) return std::nullopt;
  return Authority{std::move(*host), parts->port};
}

// Without a port it is the scheme's, which a proxy in between may have changed.
bool is_named(const std::vector<proxy::HostPattern>& patterns, const Authority& host) {
  const auto at = [&](uint16_t port) {
    return proxy::any_matches(patterns, proxy::Endpoint{"http", host.host, port});
  };
  return host.port ? at(*host.port) : at(kHttpPort) || at(kHttpsPort);
}

bool is_ours(const HostSettings& settings, const Authority& host) {
  if (proxy::IpAddress::parse(host.host) || proxy::is_localhost(host.host)) return true;
  if (std::find(settings.own.begin(), settings.own.end(), host.host) != settings.own.end()) return true;
  return settings.named && is_named(*settings.named, host);
}

bool is_browser(const proxy::Headers& headers) {
  return headers.find("Origin") != nullptr || headers.find("Sec-Fetch-Site") != nullptr ||
         headers.find("Accept-Language") != nullptr;
}

// Whether Host and Origin are the same place. A Host has the scheme's port if it names none.
bool is_same_place(const Authority& host, std::string_view origin) {
  const auto page = proxy::Endpoint::parse(origin);
  if (!page || page->host != host.host) return false;
  return page->port == host.port.value_or(page->scheme == "https" ? kHttpsPort : kHttpPort);
}

// Whether a page of another place asks for this.
bool is_foreign(const proxy::Headers& headers, const std::optional<Authority>& host) {
  if (headers.find("Origin") != nullptr) return !host || !is_same_place(*host, headers.all("Origin"));
  const auto site = headers.all("Sec-Fetch-Site");
  return !site.empty() && !proxy::same_token(site, "same-origin") && !proxy::same_token(site, "none");
}

}  // namespace

std::optional<HostRefusal> host_refusal(const HostSettings& settings, const proxy::Request& request) {
  const auto given = request.headers.get("Host");
  const bool is_of_browser = is_browser(request.headers);
  if (!is_of_browser && (!settings.named || given.empty())) return std::nullopt;

  const auto host = authority_of(given);
  if (!host || !is_ours(settings, *host)) {
    return HostRefusal{"host", "the host \"" + std::string(given) +
                                   "\" is not known to lead here: name it in \"hosts\" of the configuration, "
                                   "if it does"};
  }
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (is_of_browser && !is_read && is_foreign(request.headers, host))
    return HostRefusal{"origin", "a page of another site may change nothing here"};
  return std::nullopt;
}

}  // namespace breakwater::routes
