// The appliances that a request came through. Two of them may name each other as upstream, and must neither
// ask in a circle nor wait for each other. So each says its name in the Via header (RFC 9110, section 7.6.3)
// of what it asks, and of its answers to what came through another:
//
//   Via: 1.1 breakwater-9f86d081884c7d65, 1.1 breakwater-60303ae22b998861
//
// A name is made at each start. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/http.h"

namespace breakwater::proxy {

std::string new_hop_name();  // "breakwater-", and 16 random hexadecimal digits

class Hops {
 public:
  static constexpr size_t kMax = 8;

  Hops() = default;
  // Entries that are of no Breakwater are left out, and so are further ones once there are more than kMax.
  static Hops of(const Headers& headers);

  bool empty() const { return names_.empty(); }
  bool has(std::string_view name) const;
  bool are_too_many() const { return names_.size() > kMax; }
  // Who sent the message: the last of them, "" if there is none.
  std::string_view last() const { return names_.empty() ? std::string_view() : names_.back(); }
  // The Via header of what `name` asks because of this request.
  std::string via(std::string_view name) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace breakwater::proxy
