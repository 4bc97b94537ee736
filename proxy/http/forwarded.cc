#include "proxy/http/forwarded.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr size_t kHopsMax = 32;  // proxies of one request; whoever comes through more is not told

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

bool is_port(std::string_view text) {
  constexpr size_t kDigitsMax = 5;
  return !text.empty() && text.size() <= kDigitsMax &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "10.0.0.7", "10.0.0.7:1234", "[fd00::7]" and "[fd00::7]:1234".
std::optional<IpAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    const auto inner = text.substr(1, end - 1);
    return inner.find(':') == std::string_view::npos ? std::nullopt : IpAddress::parse(inner);
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return std::nullopt;
  return IpAddress::parse(text.substr(0, colon));
}

// Where the last of the elements that `separator` parts begins. What is quoted is found from the right too,
// because only what stands there was written by somebody who is trusted: a quote that a client has left open
// must not swallow what its proxy has added.
size_t last_begin(std::string_view text, char separator) {
  bool is_quoted = false;
  for (size_t at = text.size(); at > 0; --at) {
    const char c = text[at - 1];
    if (c == separator && !is_quoted) return at;
    if (c != '"') continue;
    const auto before = text.substr(0, at - 1);
    const size_t backslashes = before.size() - (before.find_last_not_of('\\') + 1);
    if (!is_quoted || backslashes % 2 == 0) is_quoted = !is_quoted;
  }
  return 0;
}

// Takes the last element away from `text`.
std::string_view take_last(std::string_view& text, char separator) {
  const size_t begin = last_begin(text, separator);
  const auto last = text.substr(begin);
  text = text.substr(0, begin == 0 ? 0 : begin - 1);
  return trimmed(last);
}

// The value of a parameter: a token, or a quoted string in which nothing is escaped. Nothing if it is
// neither: no address and no scheme needs a backslash.
std::optional<std::string_view> value_of(std::string_view text) {
  constexpr std::string_view kTokenChars =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const bool is_quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  if (!is_quoted) {
    if (text.find_first_not_of(kTokenChars) != std::string_view::npos) return std::nullopt;
    return text;
  }
  text = text.substr(1, text.size() - 2);
  if (text.find_first_of("\"\\") != std::string_view::npos) return std::nullopt;
  return text;
}

// What one proxy has said of who has asked it.
struct Hop {
  std::optional<IpAddress> address;
  std::optional<std::string_view> scheme;
};

Hop hop_of_forwarded(std::string_view element) {
  Hop hop;
  bool has_address = false;
  while (!element.empty()) {
    const auto pair = take_last(element, ';');
    const size_t equals = std::min(pair.find('='), pair.size());
    const auto name = pair.substr(0, equals);
    const auto value = value_of(pair.substr(std::min(equals + 1, pair.size())));
    if (same_token(name, "proto")) hop.scheme = value;
    if (!same_token(name, "for")) continue;
    // A parameter occurs once (RFC 7239, section 4).
    if (std::exchange(has_address, true)) return {};
    hop.address = value ? parse_node(*value) : std::nullopt;
  }
  return hop;
}

Hop hop_of_list(std::string_view entry) {
  // Without brackets too, as all proxies write IPv6 there.
  const auto address = IpAddress::parse(entry);
  return {address ? address : parse_node(entry), std::nullopt};
}

struct Walk {
  IpAddress client;
  bool is_told = false;
  size_t proxies = 0;  // that were walked over before the client
  std::optional<std::string> scheme = {};
};

Walk walk(const std::string& header, const IpAddress& proxy, const TrustedProxies& trusted,
          Hop (*hop_of)(std::string_view)) {
  Walk found{proxy};
  for (std::string_view left = header; found.proxies < kHopsMax; ++found.proxies) {
    const Hop hop = hop_of(take_last(left, ','));
    if (!hop.address) return found;
    found.client = *hop.address;
    found.scheme = hop.scheme;
    found.is_told = !trusted.contains(found.client) || left.empty();
    if (found.is_told) return found;
  }
  return found;
}

// The scheme of the request that the client of `walked` has made: each proxy adds one, or the first of them
// says one for all.
std::string_view scheme_in(std::string_view list, size_t proxies) {
  std::string_view scheme;
  for (size_t i = 0; i <= proxies && !list.empty(); ++i) scheme = take_last(list, ',');
  return scheme;
}

}  // namespace

ForwardedFor forwarded_for(const Headers& headers, const IpAddress& proxy, const TrustedProxies& trusted) {
  Walk client{proxy};
  const bool has_list = headers.find("X-Forwarded-For") != nullptr;
  const bool has_forwarded = headers.find("Forwarded") != nullptr;
  if (has_list) client = walk(headers.all("X-Forwarded-For"), proxy, trusted, hop_of_list);
  bool disagree = false;
  if (has_forwarded) {
    auto other = walk(headers.all("Forwarded"), proxy, trusted, hop_of_forwarded);
    disagree = has_list && (other.client != client.client || other.is_told != client.is_told);
    client = std::move(other);
  }
  const std::string schemes = headers.all("X-Forwarded-Proto");
  const auto scheme = client.scheme ? std::string_view(*client.scheme) : scheme_in(schemes, client.proxies);
  return {client.client, has_list || has_forwarded, client.is_told, same_token(scheme, "https"), disagree};
}

}  // namespace breakwater::proxy
