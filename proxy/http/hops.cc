#include "proxy/http/hops.h"

#include <algorithm>
#include <random>

namespace breakwater::proxy {
namespace {

constexpr std::string_view kPrefix = "breakwater-";
constexpr size_t kDigits = 16;

bool is_hop_name(std::string_view text) {
  if (!text.starts_with(kPrefix)) return false;
  text.remove_prefix(kPrefix.size());
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The second word of an entry of Via: the name, after the protocol and before a comment.
std::string_view received_by(std::string_view entry) {
  const auto skip_spaces = [&entry] {
    entry.remove_prefix(std::min(entry.find_first_not_of(" \t"), entry.size()));
  };
  skip_spaces();
  entry.remove_prefix(std::min(entry.find_first_of(" \t"), entry.size()));
  skip_spaces();
  return entry.substr(0, entry.find_first_of(" \t"));
}

}  // namespace

std::string new_hop_name() {
  std::random_device random;
  std::string name(kPrefix);
  for (size_t i = 0; i < kDigits; ++i) name.push_back("0123456789abcdef"[random() % 16]);
  return name;
}

Hops Hops::of(const Headers& headers) {
  Hops hops;
  const auto value = headers.all("Via");
  for (size_t at = 0; at < value.size() && !hops.are_too_many();) {
    const auto end = std::min(value.find(',', at), value.size());
    const auto name = received_by(std::string_view(value).substr(at, end - at));
    if (is_hop_name(name)) hops.names_.emplace_back(name);
    at = end + 1;
  }
  return hops;
}

bool Hops::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::string Hops::via(std::string_view name) const {
  std::string value;
  for (const auto& hop : names_) value.append("1.1 ").append(hop).append(", ");
  return value.append("1.1 ").append(name);
}

}  // namespace breakwater::proxy
