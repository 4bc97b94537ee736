// Sizes as people read them, in messages and in the log. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace breakwater::store {

// "17 B", "20 MiB", "1.5 GiB": at most one decimal.
std::string byte_text(uint64_t bytes);

}  // namespace breakwater::store
