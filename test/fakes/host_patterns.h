// Patterns of hosts that are known to be valid:  settings.allow_private = host_patterns({"127.0.0.2"});
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "proxy/http/host_pattern.h"

namespace breakwater::test {

inline proxy::HostPattern host_pattern(std::string_view text) {
  return proxy::HostPattern::parse(text).value();
}

inline std::vector<proxy::HostPattern> host_patterns(std::initializer_list<std::string_view> texts) {
  std::vector<proxy::HostPattern> list;
  for (const auto text : texts) list.push_back(host_pattern(text));
  return list;
}

}  // namespace breakwater::test
