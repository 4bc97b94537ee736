#include "proxy/http/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "proxy/http/host_name.h"
#include "proxy/http/ip_address.h"

namespace breakwater::proxy {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeUrl>;

// Accepts what browsers and curl accept in Location headers.
constexpr unsigned kLenient = CURLU_URLENCODE | CURLU_ALLOW_SPACE;

std::optional<std::string> part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

// The part of a malformed URL that may be quoted in an error: neither a query nor what stands before the
// host, because both may be secrets.
std::string loggable(std::string_view text) {
  auto place = text.substr(0, std::min(text.find('?'), size_t{200}));
  const auto at = place.rfind('@');
  return std::string(at == std::string_view::npos ? place : place.substr(at + 1));
}

uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

// The host in the form in which hosts are compared; nothing if it is none.
std::optional<std::string> normal_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const auto address = IpAddress::parse(host)) return address->text();
  return normal_host_name(host);
}

std::optional<uint16_t> port_of(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

std::string Endpoint::authority() const {
  std::string text = bracketed(host);
  if (port != default_port(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string Endpoint::text() const { return scheme + "://" + authority(); }

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto bad = [](const std::string& why) {
    return failure(Error::Kind::invalid,
                   why + ": write a scheme and a host, maybe with a port, such as \"https://ghcr.io\"");
  };
  const std::string given = "\"" + loggable(text) + "\"";
  if (!text.starts_with("https://") && !text.starts_with("http://"))
    return bad("must begin with https:// or http://, not " + given);
  while (text.ends_with('/')) text.remove_suffix(1);
  const auto authority = text.substr(std::min(text.find(':') + 3, text.size()));
  if (authority.empty() || authority.find_first_of("/\\?#@ ") != std::string_view::npos)
    return bad("must be a scheme and a host and nothing else, not " + given);
  const auto url = Url::parse(text);
  if (!url) return bad(url.error().message);
  return url->endpoint();
}

Result<Url> Url::parse(std::string_view text) {
  CurlUrl url(curl_url());
  CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), kLenient);
  if (code != CURLUE_OK)
    return failure(Error::Kind::invalid, "not a URL: " + loggable(text) + ": " + curl_url_strerror(code));
  return take_apart(url.get());
}

Result<Url> Url::resolve(std::string_view reference) const {
  CurlUrl url(curl_url());
  CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text().c_str(), kLenient);
  if (code == CURLUE_OK)
    code = curl_url_set(url.get(), CURLUPART_URL, std::string(reference).c_str(), kLenient);
  if (code != CURLUE_OK)
    return failure(Error::Kind::invalid, without_query() + " names no URL: " + loggable(reference) + ": " +
                                             curl_url_strerror(code));
  return take_apart(url.get());
}

Result<Url> Url::take_apart(void* curl_url) {
  auto* parts = static_cast<CURLU*>(curl_url);
  Url url;
  url.endpoint_.scheme = lower_case(part_of(parts, CURLUPART_SCHEME).value_or(""));
  const std::string host = part_of(parts, CURLUPART_HOST).value_or("");
  url.endpoint_.host = host;
  url.path_ = part_of(parts, CURLUPART_PATH).value_or("/");
  url.query_ = part_of(parts, CURLUPART_QUERY).value_or("");
  const auto bad = [&url](const std::string& what) {
    return failure(Error::Kind::invalid, what + ": " + url.without_query());
  };
  url.endpoint_.port = port_of(part_of(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("")).value_or(0);

  if (url.endpoint_.scheme != "http" && url.endpoint_.scheme != "https")
    return failure(Error::Kind::invalid, "neither http nor https: " + url.endpoint_.scheme);
  if (part_of(parts, CURLUPART_USER) || part_of(parts, CURLUPART_PASSWORD))
    return bad("a URL with a user name or password in it");
  if (part_of(parts, CURLUPART_ZONEID)) return bad("a URL with the zone of an IPv6 address in it");
  if (url.endpoint_.port == 0) return bad("a URL with port 0");
  auto normal = normal_host(host);
  if (!normal) return bad("a URL whose host is neither a name in ASCII nor an IP address");
  url.endpoint_.host = std::move(*normal);
  return url;
}

std::string Url::text() const { return query_.empty() ? without_query() : without_query() + "?" + query_; }
std::string Url::without_query() const { return endpoint_.text() + path_; }

std::optional<HostAndPort> split_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool is_bracketed = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  HostAndPort parts;
  if (has_port) parts.port = port_of(text.substr(colon + 1));
  if (has_port && !parts.port) return std::nullopt;
  std::string_view host = has_port ? text.substr(0, colon) : text;
  if (is_bracketed != host.ends_with(']')) return std::nullopt;
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  if (host.empty() || is_ipv6 != is_bracketed) return std::nullopt;
  parts.host = host;
  return parts;
}

}  // namespace breakwater::proxy
