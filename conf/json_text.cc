#include "conf/json_text.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>

namespace breakwater::conf {
namespace {

using nlohmann::json;

// Sees a text as it is parsed, and knows where in it the parser is.
class KeyWatch {
 public:
  explicit KeyWatch(std::vector<std::string>& errors) : errors_(errors) {}

  void see(json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    switch (event) {
      case Event::object_start: open(false); break;
      case Event::array_start: open(true); break;
      case Event::object_end:
      case Event::array_end: levels_.pop_back(); break;
      case Event::key: see_key(parsed.get_ref<const std::string&>()); break;
      case Event::value: count_item(); break;
    }
  }

 private:
  struct Level {
    bool is_array = false;
    size_t items = 0;
    std::string key;  // the last one
    std::set<std::string> keys;
  };

  void open(bool is_array) {
    count_item();
    levels_.emplace_back().is_array = is_array;
  }
  void count_item() {
    if (!levels_.empty()) ++levels_.back().items;
  }
  void see_key(const std::string& key) {
    levels_.back().key = key;
    if (!levels_.back().keys.insert(key).second) errors_.push_back(path() + ": is there twice");
  }
  std::string path() const {
    std::string text;
    for (const auto& level : levels_) {
      if (level.is_array) {
        text.append("[").append(std::to_string(level.items - 1)).append("]");
      } else {
        text.append(text.empty() ? "" : ".").append(level.key);
      }
    }
    return text;
  }

  std::vector<std::string>& errors_;
  std::vector<Level> levels_;
};

}  // namespace

json parse_json(std::string_view text, std::vector<std::string>& errors) {
  KeyWatch watch(errors);
  const auto see = [&watch](int, json::parse_event_t event, json& parsed) {
    watch.see(event, parsed);
    return true;
  };
  try {
    return json::parse(text, see, true, true);
  } catch (const json::exception& error) {  // the form without exceptions tells no line and column
    errors.assign(1, std::string("the configuration is no JSON: ") + error.what());
    return nullptr;
  }
}

}  // namespace breakwater::conf
