// Reads one object of the configuration key by key. Every mistake is recorded with the path of its key, and
// reading goes on, so that all mistakes are reported together. A key that is never read is a mistake too.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace breakwater::conf {

class JsonObject {
 public:
  // `path` is "" for the whole configuration, else for example "routes[2].mirror". `value` and `errors`
  // outlive this object.
  JsonObject(const nlohmann::json& value, std::string path, std::vector<std::string>& errors);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;
  bool has(std::string_view key);
  void wrong(std::string_view key, const std::string& what);

  // Each of these leaves its target unchanged if the key is absent or wrong.
  void string(std::string_view key, std::string& into);
  void required_string(std::string_view key, std::string& into);
  void size(std::string_view key, uint64_t& into, uint64_t min);
  void size(std::string_view key, uint32_t& into, uint64_t min);
  void duration(std::string_view key, int64_t& into_ms, int64_t min_ms);
  void boolean(std::string_view key, bool& into);
  void number(std::string_view key, uint32_t& into, uint64_t min, uint64_t max);
  void strings(std::string_view key, std::vector<std::string>& into);  // an array, or one string
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
