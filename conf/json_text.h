// The text of a configuration as JSON: with comments, and without a key that an object has twice. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace breakwater::conf {

// Appends a line to `errors` for what is no JSON, with its line and column, and for each key that is there
// twice, with its path: the parser would keep the second one without a word. A text that is no JSON is null.
nlohmann::json parse_json(std::string_view text, std::vector<std::string>& errors);

}  // namespace breakwater::conf
