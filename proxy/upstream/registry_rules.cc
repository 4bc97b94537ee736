#include "proxy/upstream/registry_rules.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "proxy/http/host_name.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/upstream_words.h"

namespace breakwater::proxy {
namespace {

std::string said(std::string_view method, const Url& url, int status) {
  std::string text(method);
  return text.append(" ")
      .append(url.without_query())
      .append(": ")
      .append(std::to_string(status))
      .append(" ")
      .append(reason_of(status));
}

// Whether a registry has signed this URL for one download from storage. Some registries sign URLs that look
// like their own API; the query tells them apart, because we never ask for a blob with one.
bool is_signed(const Url& url) {
  return !is_registry(url) || (url.path().find("/blobs/") != std::string::npos && url.has_query());
}

Error::Kind kind_of(const Url& url, int status) {
  if (status == 404 || status == 410) return Error::Kind::not_found;
  if (status == 429) return Error::Kind::throttled;
  if (status == 408 || status == 425 || is_server_error(status)) return Error::Kind::unavailable;
  // Storage refuses a signed URL that has expired, or if a clock is wrong, its own or ours. The registry
  // hands out another URL when it is asked again.
  bool refused = status == 400 || status == 401 || status == 403;
  if (refused && is_signed(url)) return Error::Kind::unavailable;
  if (status == 401 || status == 403) return Error::Kind::denied;
  return status == 400 ? Error::Kind::invalid : Error::Kind::corrupt;
}

// Whether the address is a neighbour of the registry, in a private network.
bool is_own_network(const std::optional<IpAddress>& registry, const IpAddress& address) {
  return registry && kind_of(*registry) == AddressKind::private_network &&
         IpNetwork::around(*registry).contains(address);
}

std::string base64(std::string_view data) {
  std::string text((data.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a final NUL
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string lower(std::string_view text) {
  std::string copy(text);
  for (char& c : copy)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return copy;
}

}  // namespace

int64_t epoch_s(store::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_server_error(int status) { return status >= 500 && status != 501; }

bool is_registry(const Url& url) { return url.path().starts_with("/v2/"); }

Result<> check_answer(std::string_view method, const Url& url, const Head& head, std::string_view body,
                      int64_t now_epoch_s) {
  constexpr std::array kAnswers{200, 206, 304, 416};
  if (std::find(kAnswers.begin(), kAnswers.end(), head.status) != kAnswers.end() || is_redirect(head.status))
    return {};
  Error error;
  error.kind = kind_of(url, head.status);
  error.message = said(method, url, head.status);
  // A missing manifest needs no words, and storage's are not for others.
  if (error.kind != Error::Kind::not_found && !is_signed(url))
    error.message = with_upstream_words(std::move(error.message), body);
  bool transient = error.kind == Error::Kind::throttled || error.kind == Error::Kind::unavailable;
  // A 429 always says how long: the circuit breaker is open for that time.
  int64_t unsaid_s = error.kind == Error::Kind::throttled ? CircuitBreakerSettings().throttled_default_s : 0;
  if (transient)
    error.retry_after_s =
        retry_after_s(head.headers.get("Retry-After"), body, now_epoch_s).value_or(unsaid_s);
  return failure(std::move(error));
}

bool is_unasked_html(const Headers& asked, const Head& head) {
  if (head.status != 200) return false;
  bool html = lower(head.headers.get("Content-Type")).starts_with("text/html");
  return html && asked.all("Accept").find("text/html") == std::string::npos;
}

bool TargetPolicy::may_connect(const Endpoint& endpoint, const IpAddress& address) const {
  const auto any_entry = [this](auto&& names) {
    return std::any_of(allow_private.begin(), allow_private.end(), names);
  };
  if (endpoint == registry && registry_may_be_private) return true;
  switch (kind_of(address)) {
    case AddressKind::global: return true;
    case AddressKind::private_network:
      return is_own_network(registry_address, address) ||
             any_entry([&](const HostPattern& entry) { return entry.matches(endpoint, address); });
    case AddressKind::special:
      return any_entry([&](const HostPattern& entry) { return entry.is_exactly(endpoint, address); });
  }
  return false;
}

Result<> TargetPolicy::check(const Url& target) const {
  if (!target.secure() && registry.scheme == "https")
    return failure(Error::Kind::corrupt, registry.text() + " leads from https to " + target.without_query());
  auto address = IpAddress::parse(target.host());
  if (is_localhost(target.host())) address = IpAddress::parse("127.0.0.1");
  if (address && !may_connect(target.endpoint(), *address))
    return failure(Error::Kind::corrupt, registry.text() +
                                             " leads into a private network: " + target.without_query() +
                                             "; if it may, name " + bracketed(target.host()) + ":" +
                                             std::to_string(target.endpoint().port) + " in allow_private");
  return {};
}

Result<Url> redirect_target(const Url& from, const Head& head, const TargetPolicy& targets) {
  const std::string* location = head.headers.find("Location");
  if (location == nullptr || location->empty())
    return failure(Error::Kind::corrupt, from.without_query() + " redirects without a Location");
  auto target = from.resolve(*location);
  if (!target)
    return failure(Error::Kind::corrupt,
                   from.without_query() + " redirects to what is no address: " + target.error().message);
  if (auto checked = targets.check(*target); !checked) return failure(std::move(checked).error());
  return target;
}

bool is_trusted_realm(const Endpoint& registry, const Endpoint& realm,
                      const std::vector<HostPattern>& token_realms) {
  if (realm == registry) return true;
  if (realm.scheme != "https" && registry.scheme == "https") return false;
  const bool own_host = realm.host == registry.host;
  const auto names = [&](const HostPattern& entry) {
    return entry.matches(realm) && (entry.has_port() || !own_host);
  };
  if (std::any_of(token_realms.begin(), token_realms.end(), names)) return true;
  const bool usual_port = realm.port == registry.port || realm.port == (realm.scheme == "https" ? 443 : 80);
  return !own_host && usual_port && same_registrable_domain(realm.host, registry.host);
}

std::vector<std::string> scopes_to_ask(bool own_host, std::string_view requested,
                                       std::string_view challenged) {
  const std::string_view theirs = is_placeholder_scope(challenged) ? std::string_view() : challenged;
  std::vector<std::string> scopes;
  for (std::string_view scope : {own_host ? requested : theirs, own_host ? theirs : requested}) {
    if (!scope.empty() && (scopes.empty() || scopes.front() != scope)) scopes.emplace_back(scope);
  }
  if (scopes.empty()) scopes.emplace_back();
  return scopes;
}

Error refusal_of_realm(const Url& realm, const Head& head, std::string_view body, int64_t now_epoch_s) {
  const int status = head.status;
  auto usable = check_answer("GET", realm, head, body, now_epoch_s);
  const bool transient = status == 429 || status == 408 || status == 425 || is_server_error(status);
  if (transient && !usable) return std::move(usable).error();
  const std::string what = "GET " + realm.without_query() + ": " + std::to_string(status);
  if (status == 400 || status == 401 || status == 403)
    return Error(Error::Kind::denied, with_upstream_words(what + ", no token for us", body), 0);
  return Error(Error::Kind::corrupt, what + " where a token was due", 0);
}

std::string basic_authorization(std::string_view username, std::string_view password) {
  std::string pair(username);
  return "Basic " + base64(pair.append(":").append(password));
}

}  // namespace breakwater::proxy
