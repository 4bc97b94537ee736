// Checks the depth and the number of values of JSON text before it is parsed: a few MiB of hostile text
// ("[[[[…", or a million empty objects) would take a hundred times its size in memory. Does not check that
// the text is JSON. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace breakwater::routes {

inline constexpr size_t kJsonDepthMax = 64;
inline constexpr size_t kJsonValuesMax = 500'000;

bool json_within_bounds(std::string_view text);

// Whether its first character that is no white space is `{`.
bool begins_json_object(std::string_view text);

}  // namespace breakwater::routes
