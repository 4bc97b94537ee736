// Why something stays (store/upkeep/explaining.h) in words, a line each, for the operator. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "store/upkeep/explaining.h"

namespace breakwater::routes {

// What keeps it, up to the tags: each line is indented below what it belongs to.
std::vector<std::string> lines_of(const store::Why& why);
std::vector<std::string> lines_of(const std::vector<store::WhyTag>& tags);

}  // namespace breakwater::routes
