#include "proxy/http/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

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

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// The part of a malformed URL that may be quoted in an error: neither a query nor what stands before the
// host, because both may be secrets.
std::string loggable(std::string_view text) {
  auto place = text.substr(0, std::min(text.find('?'), size_t{200}));
  const auto at = place.rfind('@');
  return std::string(at == std::string_view::npos ? place : place.substr(at + 1));
}

uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

using Bytes = std::array<uint8_t, 16>;

constexpr Bytes kMappedIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

// An IPv4 address is returned mapped into IPv6.
std::optional<Bytes> address_bytes(std::string_view host) {
  std::string text(host.substr(0, host.find('%')));  // without a zone
  Bytes bytes = kMappedIpv4;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_private_ipv4(const uint8_t* a) {
  return a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 ||  //
         (a[0] == 100 && (a[1] & 0xc0) == 64) ||                   // carrier-grade NAT, RFC 6598
         (a[0] == 169 && a[1] == 254) || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168);
}

bool is_private_ipv6(const Bytes& a) {
  bool zero_but_last = std::all_of(a.begin(), a.end() - 1, [](uint8_t byte) { return byte == 0; });
  if (zero_but_last && a[15] <= 1) return true;  // :: and ::1
  if (std::equal(a.begin(), a.begin() + 12, kMappedIpv4.begin())) return is_private_ipv4(a.data() + 12);
  constexpr std::array<uint8_t, 12> kNat64{0, 0x64, 0xff, 0x9b};  // 64:ff9b::/96 reaches IPv4
  if (std::equal(kNat64.begin(), kNat64.end(), a.begin())) return is_private_ipv4(a.data() + 12);
  // ULA; link- and site-local; multicast.
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0x80) == 0x80) || a[0] == 0xff;
}

std::vector<std::string_view> labels_of(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::vector<std::string_view> labels;
  for (;;) {
    size_t dot = name.find('.');
    labels.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    name.remove_prefix(dot + 1);
  }
}

// "example.com", "example.co.uk"; "" for IP addresses and names of one label.
std::string registrable_domain(std::string_view name) {
  auto labels = labels_of(name);
  if (labels.size() < 2 || is_ip_address(name)) return "";
  bool national = labels.back().size() == 2 && labels[labels.size() - 2].size() <= 3;
  size_t count = national ? 3 : 2;
  if (labels.size() < count) return "";
  std::string domain;
  for (size_t i = labels.size() - count; i < labels.size(); ++i) domain.append(".").append(labels[i]);
  return lower(domain);
}

}  // namespace

std::string Endpoint::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string Endpoint::text() const { return scheme + "://" + authority(); }

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
  url.endpoint_.scheme = lower(part_of(parts, CURLUPART_SCHEME).value_or(""));
  url.endpoint_.host = lower(part_of(parts, CURLUPART_HOST).value_or(""));
  url.path_ = part_of(parts, CURLUPART_PATH).value_or("/");
  url.query_ = part_of(parts, CURLUPART_QUERY).value_or("");
  std::string& host = url.endpoint_.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::string port = part_of(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  std::from_chars(port.data(), port.data() + port.size(), url.endpoint_.port);

  if (url.endpoint_.scheme != "http" && url.endpoint_.scheme != "https")
    return failure(Error::Kind::invalid, "neither http nor https: " + url.endpoint_.scheme);
  if (host.empty() || url.endpoint_.port == 0)
    return failure(Error::Kind::invalid, "a URL without host: " + url.without_query());
  if (part_of(parts, CURLUPART_USER) || part_of(parts, CURLUPART_PASSWORD))
    return failure(Error::Kind::invalid, "a URL with a user name or password in it: " + url.without_query());
  return url;
}

std::string Url::text() const { return query_.empty() ? without_query() : without_query() + "?" + query_; }
std::string Url::without_query() const { return endpoint_.text() + path_; }

bool is_ip_address(std::string_view host) { return address_bytes(host).has_value(); }

bool is_private_address(std::string_view host) {
  auto bytes = address_bytes(host);
  return bytes && is_private_ipv6(*bytes);
}

bool names_private_network(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return is_private_address(host) || host == "localhost" || host.ends_with(".localhost");
}

bool same_registrable_domain(std::string_view a, std::string_view b) {
  std::string domain = registrable_domain(a);
  return !domain.empty() && domain == registrable_domain(b);
}

bool is_listed(const std::vector<std::string>& list, const Endpoint& endpoint) {
  std::string bracketed =
      endpoint.host.find(':') == std::string::npos ? endpoint.host : "[" + endpoint.host + "]";
  std::string with_port = bracketed + ":" + std::to_string(endpoint.port);
  return std::any_of(list.begin(), list.end(), [&](const std::string& raw) {
    std::string entry = lower(raw);
    return entry == endpoint.host || entry == bracketed || entry == with_port;
  });
}

}  // namespace breakwater::proxy
