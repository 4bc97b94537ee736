// A look at JSON text before it is parsed: hostile text of a few MiB ("[[[[…", or a million empty objects)
// would take a hundred times its size in memory. Says nothing about whether the text is JSON at all. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace breakwater::routes {

inline constexpr size_t kJsonDepthMax = 64;
inline constexpr size_t kJsonValuesMax = 500'000;

bool json_within_bounds(std::string_view text);

}  // namespace breakwater::routes
