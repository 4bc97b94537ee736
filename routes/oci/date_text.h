// Dates for people to read. Pure; any thread.
#pragma once

#include <string>

#include "store/base/clock.h"

namespace breakwater::routes {

// "2026-01-01T00:00:00Z"; `time` is of the wall clock.
std::string date_text(store::Time time);

}  // namespace breakwater::routes
