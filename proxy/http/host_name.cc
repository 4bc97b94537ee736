#include "proxy/http/host_name.h"

#include <libpsl.h>

#include <algorithm>

#include "proxy/http/ip_address.h"

namespace breakwater::proxy {
namespace {

constexpr size_t kLabelMax = 63;
constexpr size_t kNameMax = 253;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hexadecimal(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && std::all_of(label.begin(), label.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

// Decimal, octal or hexadecimal, as inet_aton() and browsers read an address's last part.
bool is_number(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), is_digit)) return true;
  return label.starts_with("0x") && std::all_of(label.begin() + 2, label.end(), is_hexadecimal);
}

// "" if there is none.
std::string_view registrable_domain(const std::string& name) {
  const bool one_label = name.find('.') == std::string::npos;
  if (one_label || IpAddress::parse(name)) return "";
  const psl_ctx_t* suffixes = psl_builtin();
  const char* domain = suffixes == nullptr ? nullptr : psl_registrable_domain(suffixes, name.c_str());
  return domain == nullptr ? "" : domain;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::optional<std::string> normal_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kNameMax) return std::nullopt;
  std::string name = lower_case(text);
  for (std::string_view rest = name;;) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return std::nullopt;
    if (dot != std::string_view::npos) {
      rest.remove_prefix(dot + 1);
      continue;
    }
    if (is_number(label)) return std::nullopt;
    return name;
  }
}

std::string bracketed(std::string_view host) {
  std::string text(host);
  return text.find(':') == std::string::npos ? text : "[" + text + "]";
}

bool same_registrable_domain(const std::string& a, const std::string& b) {
  const auto domain = registrable_domain(a);
  return !domain.empty() && domain == registrable_domain(b);
}

}  // namespace breakwater::proxy
