// Reads one object of the configuration key by key. Every mistake is recorded with the path of its key, and
// reading goes on, so that all mistakes are reported together. A key that is never read is a mistake too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "conf/units.h"
#include "store/base/result.h"

namespace breakwater::conf {

class JsonObject {
 public:
  // `path` is "" for the whole configuration, else for example "routes[2].mirror". `value` and `errors`
  // outlive this object.
  JsonObject(const nlohmann::json& value, std::string path, std::vector<std::string>& errors);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;
  bool has(std::string_view key);
  bool is_string(std::string_view key);
  void wrong(std::string_view key, const std::string& what);

  // Each of these leaves its target unchanged if the key is absent or wrong.
  // Control characters are refused, also in strings(): nothing has them in its name.
  void string(std::string_view key, std::string& into);
  void required_string(std::string_view key, std::string& into);
  void size(std::string_view key, uint64_t& into, uint64_t min);
  void size(std::string_view key, uint32_t& into, uint32_t min, uint32_t max);
  void duration(std::string_view key, int64_t& into_ms, int64_t min_ms, int64_t max_ms = kDurationMaxMs);
  void boolean(std::string_view key, bool& into);
  void number(std::string_view key, uint32_t& into, uint64_t min, uint64_t max);
  // An array of at least `min` strings, or one string.
  void strings(std::string_view key, std::vector<std::string>& into, size_t min = 0);
  // What `parse` makes of each of the strings; its errors are recorded.
  template <class Value>
  void parsed_strings(std::string_view key, std::vector<Value>& into,
                      Result<Value> (*parse)(std::string_view), size_t min = 0) {
    std::vector<std::string> texts;
    strings(key, texts, min);
    for (const auto& text : texts) {
      auto value = parse(text);
      if (value) {
        into.push_back(std::move(*value));
      } else {
        wrong(key, value.error().message);
      }
    }
  }
  // An object whose keys are the operator's: `read` gets each key and its strings, of which there is one at
  // least.
  void named_strings(
      std::string_view key,
      const std::function<void(const std::string& name, const std::vector<std::string>& texts)>& read);
  // An array of 1 to `max` strings and objects. `read_text` gets each string, and as what wrong() knows it.
  void strings_and_objects(
      std::string_view key, size_t max,
      const std::function<void(const std::string& place, const std::string& text)>& read_text,
      const std::function<void(JsonObject&)>& read_object);
  void object(std::string_view key, const std::function<void(JsonObject&)>& read);
  void objects(std::string_view key, const std::function<void(JsonObject&)>& read);  // at least one

  void finish();  // called last: reports unknown keys

 private:
  const nlohmann::json* find(std::string_view key);

  const nlohmann::json& value_;
  std::string path_;
  std::vector<std::string>& errors_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace breakwater::conf
