// What RegistryClient decides, as pure functions: which answers are errors, where a redirect may lead, who
// may see a secret, which scope is asked for. RegistryClient obeys. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/url.h"
#include "proxy/upstream/challenge.h"
#include "proxy/upstream/http_client.h"
#include "store/base/result.h"

namespace breakwater::proxy {

bool is_redirect(int status);

// What time may cure. A 501 is the answer of a server that is well, and does not do what it was asked.
bool is_server_error(int status);

// Whether the URL is one of a registry's API, and not of the storage that it redirects to.
bool is_registry(const Url& url);

// Nothing wrong with 200, 206, 304 and 416 (and 3xx, if the caller takes it); else the error. `body` is the
// beginning of the error's text.
[[nodiscard]] Result<> check_answer(std::string_view method, const Url& url, const Head& head,
                                    std::string_view body, int64_t now_epoch_s);

// HTML where none was asked for: a login page, a captive portal, a block page.
bool is_unasked_html(const Headers& asked, const Head& head);

// What limits where requests go.
struct TargetPolicy {
  Endpoint registry;
  bool registry_is_private = false;  // then private targets are its neighbours
  std::vector<std::string> allow_private;

  // Whether addresses in private networks are fine for that endpoint.
  bool private_allowed(const Endpoint& endpoint) const;
  // `corrupt` if the target is plain http though the registry is not, or names a private network that it may
  // not.
  [[nodiscard]] Result<> check(const Url& target) const;
};

// The target of a redirect; `corrupt` if there is none or it may not be followed.
[[nodiscard]] Result<Url> redirect_target(const Url& from, const Head& head, const TargetPolicy& targets);

// Whether the registry's credentials may be sent to this realm of the registry's own challenge.
// `token_realms` comes from the settings.
bool is_trusted_realm(const Endpoint& registry, const Endpoint& realm,
                      const std::vector<std::string>& token_realms);

// The scope to ask a token for. On the registry's own host the request's; on another registry's the
// challenge's, unless that is absent or ghcr.io's placeholder.
std::string scope_to_ask(bool own_host, std::string_view requested, std::string_view challenged);

std::string basic_authorization(std::string_view username, std::string_view password);

}  // namespace breakwater::proxy
