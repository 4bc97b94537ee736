// The store's explanations (store/upkeep/explaining.h and planning.h) in words, a line each, for the
// operator. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "store/upkeep/explaining.h"
#include "store/upkeep/planning.h"

namespace breakwater::routes {

// What keeps it, up to the tags: each line is indented below what it belongs to.
std::vector<std::string> lines_of(const store::Why& why);
std::vector<std::string> lines_of(const std::vector<store::WhyTag>& tags);
// What goes, and when and why, in the order of the plan.
std::vector<std::string> lines_of(const store::Plan& plan);

}  // namespace breakwater::routes
