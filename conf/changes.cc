#include "conf/changes.h"

#include <nlohmann/json.hpp>

#include "conf/json_text.h"

namespace breakwater::conf {
namespace {

using nlohmann::json;

json parsed(std::string_view text) {
  std::vector<std::string> errors;
  return text.empty() ? json::object() : parse_json(text, errors);
}

bool has_names(const json& list) {
  if (!list.is_array() || list.empty()) return false;
  for (const auto& one : list) {
    if (!one.is_object() || !one.contains("name") || !one["name"].is_string()) return false;
  }
  return true;
}

json by_name(const json& list) {
  json named = json::object();
  for (const auto& one : list) named[one["name"].get<std::string>()] = one;
  return named;
}

// What the values of a key may differ in; a list of names in one of them makes both such lists.
class Comparison {
 public:
  explicit Comparison(std::vector<std::string>& lines) : lines_(lines) {}

  void compare(const std::string& path, const json& before, const json& after) {
    if (before == after) return;
    const bool are_lists = (before.is_array() || before.is_null()) && (after.is_array() || after.is_null());
    if (before.is_object() && after.is_object()) {
      compare_keys(path, before, after, path.empty() ? "" : ".", "");
    } else if (are_lists && (has_names(before) || has_names(after))) {
      compare_keys(path, by_name(before), by_name(after), "[", "]");
    } else {
      lines_.push_back(path + ": " + before.dump() + " -> " + after.dump());
    }
  }

 private:
  void compare_keys(const std::string& path, const json& before, const json& after, const char* open,
                    const char* close) {
    for (const auto& [key, value] : before.items()) {
      const std::string below = path + open + key + close;
      if (after.contains(key)) {
        compare(below, value, after[key]);
      } else {
        lines_.push_back(below + (value.is_object() ? ": removed" : ": " + value.dump() + " -> not set"));
      }
    }
    for (const auto& [key, value] : after.items()) {
      if (before.contains(key)) continue;
      lines_.push_back(path + open + key + close +
                       (value.is_object() ? ": added" : ": not set -> " + value.dump()));
    }
  }

  std::vector<std::string>& lines_;
};

}  // namespace

std::vector<std::string> changes_between(std::string_view before, std::string_view after) {
  std::vector<std::string> lines;
  Comparison(lines).compare("", parsed(before), parsed(after));
  return lines;
}

}  // namespace breakwater::conf
