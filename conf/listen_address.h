// An address that a listener binds: "<address>:<port>" or "[<IPv6 address>]:<port>". A value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace breakwater::conf {

class ListenAddress {
 public:
  // Empty if `text` is not such an address. The host is an address or a name; port 0 picks a free port.
  static std::optional<ListenAddress> parse(const std::string& text);

  const std::string& text() const { return text_; }  // as given to parse()
  uint16_t port() const { return port_; }
  bool is_wildcard() const;  // every address of the machine

  bool operator==(const ListenAddress&) const = default;

 private:
  ListenAddress(std::string text, uint16_t port) : text_(std::move(text)), port_(port) {}

  std::string text_;
  uint16_t port_ = 0;
};

}  // namespace breakwater::conf
