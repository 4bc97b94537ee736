// What RegistryClient decides, as pure functions: which answers are errors, where a redirect may lead, who
// may see a secret, which scope is asked for. RegistryClient obeys. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/host_pattern.h"
#include "proxy/http/ip_address.h"
#include "proxy/http/url.h"
#include "proxy/upstream/challenge.h"
#include "proxy/upstream/http_client.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

// Seconds since the epoch, as the functions below take the time.
int64_t epoch_s(store::Time time);

bool is_redirect(int status);

// Whether the status is a failure that may pass with time. 501 is none: by it a server that works says that
// it does not do what it was asked.
bool is_server_error(int status);

// Whether the URL belongs to a registry's API, and not to the storage that the registry redirects to.
bool is_registry(const Url& url);

// Success for 200, 206, 304, 416 and redirects; for any other status the error that it means. `body` is the
// beginning of the text that came with the error, whose words are in the error's message.
[[nodiscard]] Result<> check_answer(std::string_view method, const Url& url, const Head& head,
                                    std::string_view body, int64_t now_epoch_s);

// Whether HTML came where none was asked for: a login page, a captive portal, a block page. A 206 is none,
// because such a page is not sent in parts.
bool is_unasked_html(const Headers& asked, const Head& head);

// Where redirects and realms may lead. By the kind of the address (proxy/http/ip_address.h):
//
//   global            everywhere
//   private_network   to the registry's own network: the /24 (IPv4) or /64 (IPv6) of the address from which
//                     the registry answered, if that is in a private network itself; and to what
//                     `allow_private` names
//   special           to what an entry of `allow_private` names one by one: an address, or a host and port
//
// The registry itself may be anywhere, because the settings name it, unless their operator did not.
struct TargetPolicy {
  Endpoint registry;
  bool registry_may_be_private = true;
  std::optional<IpAddress> registry_address;  // from which it answered last
  std::vector<HostPattern> allow_private;

  // Whether a request to `endpoint`, whose host resolves to `address`, may connect to it.
  bool may_connect(const Endpoint& endpoint, const IpAddress& address) const;
  // `corrupt` if the target is plain http although the registry is not, or if its host is an address (or
  // "localhost") that may_connect() forbids. Other names are judged by the address when they are connected
  // to.
  [[nodiscard]] Result<> check(const Url& target) const;
};

// The target of a redirect; `corrupt` if the answer names none or TargetPolicy forbids it.
[[nodiscard]] Result<Url> redirect_target(const Url& from, const Head& head, const TargetPolicy& targets);

// Whether the registry's credentials may be sent to `realm`, which the registry's own challenge names: to the
// registry itself; to another host of its registrable domain, at the registry's port or the scheme's own; and
// to what `token_realms` of the settings names. Another port of the registry's own host may be somebody
// else's, so an entry must name it with the port.
bool is_trusted_realm(const Endpoint& registry, const Endpoint& realm,
                      const std::vector<HostPattern>& token_realms);

// The scopes to ask a token for, in the order to try; at least one, which may be "". On the registry's own
// host the scope of the request is the first, on another host that of the challenge. A scope of the challenge
// that is ghcr.io's placeholder counts as absent.
std::vector<std::string> scopes_to_ask(bool own_host, std::string_view requested,
                                       std::string_view challenged);

// What an answer means that is no 2xx where a token was due: `denied` if the realm refuses us (400, 401,
// 403), `throttled`, `unavailable`, or `corrupt` if it does not do what a realm does.
[[nodiscard]] Error refusal_of_realm(const Url& realm, const Head& head, std::string_view body,
                                     int64_t now_epoch_s);

std::string basic_authorization(std::string_view username, std::string_view password);

}  // namespace breakwater::proxy
