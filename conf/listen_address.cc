#include "conf/listen_address.h"

namespace breakwater::conf {

std::optional<ListenAddress> ListenAddress::parse(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string::npos) return std::nullopt;
  const bool is_number =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || std::stoul(port) > 65535) return std::nullopt;
  return ListenAddress(text, static_cast<uint16_t>(std::stoul(port)));
}

bool ListenAddress::is_wildcard() const {
  return text_.starts_with("0.0.0.0:") || text_.starts_with("[::]:");
}

}  // namespace breakwater::conf
