// What differs between two configurations, in words. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace breakwater::conf {

// One line for each key that differs, with its path as errors have it: `routes[private].bytes_max: "20GiB" ->
// "30GiB"`. Elements of lists that have a name are compared by it. Both are JSON that passed
// parse_config(); "" is the default configuration.
std::vector<std::string> changes_between(std::string_view before, std::string_view after);

}  // namespace breakwater::conf
