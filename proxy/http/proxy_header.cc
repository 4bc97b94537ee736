#include "proxy/http/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>

namespace breakwater::proxy {
namespace {

using Progress = ProxyHeader::Progress;

constexpr std::string_view kText = "PROXY ";
constexpr size_t kTextBytesMax = 107;  // with its end
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kBinaryHeadBytes = 16;
constexpr size_t kPortsBytes = 4;

ProxyHeader failed(const char* why) { return {Progress::failed, 0, std::nullopt, why}; }
ProxyHeader none() { return failed("it does not begin with a PROXY header"); }

// Takes a word and the one space behind it away from `line`.
std::string_view take_word(std::string_view& line) {
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && std::to_string(port) == text;  // so nothing is left behind it either
}

// An address as a family has it: "::ffff:10.0.0.7" is one of TCP6, and is IPv4 all the same.
std::optional<IpAddress> parse_address(std::string_view text, bool is_ipv6) {
  if ((text.find(':') != std::string_view::npos) != is_ipv6) return std::nullopt;
  return IpAddress::parse(text);
}

ProxyHeader parse_line(std::string_view line, size_t length) {
  line.remove_prefix(kText.size());
  const auto family = take_word(line);
  // Whatever follows it says nothing.
  if (family == "UNKNOWN") return {Progress::done, length};
  if (family != "TCP4" && family != "TCP6") return failed("its PROXY header names an unknown protocol");
  const bool is_ipv6 = family == "TCP6";
  const auto source = parse_address(take_word(line), is_ipv6);
  const auto destination = parse_address(take_word(line), is_ipv6);
  const bool has_source_port = is_port(take_word(line));
  if (!source || !destination || !has_source_port || !is_port(line))
    return failed("the addresses in its PROXY header are malformed");
  return {Progress::done, length, source};
}

ProxyHeader parse_text(std::string_view begun) {
  const size_t common = std::min(begun.size(), kText.size());
  if (begun.substr(0, common) != kText.substr(0, common)) return none();
  const auto window = begun.substr(0, kTextBytesMax);
  const size_t end = window.find('\n');
  if (end == std::string_view::npos) {
    if (window.size() == kTextBytesMax) return failed("its PROXY header is too long");
    return {};
  }
  if (end <= kText.size() || window[end - 1] != '\r') return failed("its PROXY header is malformed");
  return parse_line(window.substr(0, end - 1), end + 1);
}

// The bytes of a source, of so many of an address, at the front of the addresses.
std::optional<IpAddress> source_of(std::string_view addresses, size_t address_bytes) {
  if (addresses.size() < 2 * address_bytes + kPortsBytes) return std::nullopt;
  IpAddress::Bytes bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(bytes.data() + bytes.size() - address_bytes, addresses.data(), address_bytes);
  return IpAddress(bytes);
}

ProxyHeader parse_addresses(std::string_view whole) {
  constexpr unsigned kLocal = 0x20, kProxied = 0x21;
  constexpr unsigned kTcp4 = 0x11, kTcp6 = 0x21;
  constexpr size_t kIpv4Bytes = 4, kIpv6Bytes = 16;
  const auto command = static_cast<uint8_t>(whole[kBinary.size()]);
  const auto family = static_cast<uint8_t>(whole[kBinary.size() + 1]);
  if (command == kLocal) return {Progress::done, whole.size()};
  if (command != kProxied) return failed("its PROXY header has an unknown version or command");
  if (family == 0) return {Progress::done, whole.size()};
  if (family != kTcp4 && family != kTcp6) return failed("its PROXY header names an unknown protocol");
  const auto source = source_of(whole.substr(kBinaryHeadBytes), family == kTcp4 ? kIpv4Bytes : kIpv6Bytes);
  if (!source) return failed("the addresses in its PROXY header are malformed");
  return {Progress::done, whole.size(), source};
}

ProxyHeader parse_binary(std::string_view begun) {
  const size_t common = std::min(begun.size(), kBinary.size());
  if (begun.substr(0, common) != kBinary.substr(0, common)) return none();
  if (begun.size() < kBinaryHeadBytes) return {};
  const auto high = static_cast<uint8_t>(begun[kBinaryHeadBytes - 2]);
  const auto low = static_cast<uint8_t>(begun[kBinaryHeadBytes - 1]);
  const size_t length = kBinaryHeadBytes + size_t{high} * 256 + low;
  if (length > kProxyHeaderBytesMax) return failed("its PROXY header is too long");
  if (begun.size() < length) return {};
  return parse_addresses(begun.substr(0, length));
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view begun) {
  if (begun.empty()) return {};
  return begun.front() == kBinary.front() ? parse_binary(begun) : parse_text(begun);
}

}  // namespace breakwater::proxy
