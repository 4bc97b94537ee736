// The names that the configuration has for the levels and formats of the log. Pure; any thread.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "store/base/log.h"

namespace breakwater::conf {

inline constexpr std::array<std::pair<std::string_view, store::Log::Level>, 4> kLogLevels = {
    {{"debug", store::Log::Level::debug},
     {"info", store::Log::Level::info},
     {"warning", store::Log::Level::warning},
     {"error", store::Log::Level::error}}};
inline constexpr std::array<std::pair<std::string_view, store::Log::Format>, 2> kLogFormats = {
    {{"text", store::Log::Format::text}, {"json", store::Log::Format::json}}};

}  // namespace breakwater::conf
