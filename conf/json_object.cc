#include "conf/json_object.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace breakwater::conf {

using nlohmann::json;

namespace {

constexpr const char* kControlCharacters = "must not hold control characters";

bool has_control_characters(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

JsonObject::JsonObject(const json& value, std::string path, std::vector<std::string>& errors)
    : value_(value), path_(std::move(path)), errors_(errors) {
  if (!value_.is_object())
    errors_.push_back((path_.empty() ? "the configuration" : path_) + ": must be an object");
}

std::string JsonObject::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void JsonObject::wrong(std::string_view key, const std::string& what) {
  errors_.push_back(path_of(key) + ": " + what);
}

const json* JsonObject::find(std::string_view key) {
  asked_.emplace(key);
  if (!value_.is_object()) return nullptr;
  auto found = value_.find(std::string(key));
  return found == value_.end() ? nullptr : &*found;
}

bool JsonObject::has(std::string_view key) { return find(key) != nullptr; }

bool JsonObject::is_string(std::string_view key) {
  const auto* value = find(key);
  return value != nullptr && value->is_string();
}

void JsonObject::string(std::string_view key, std::string& into) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_string()) return wrong(key, "must be a string");
  if (value->get_ref<const std::string&>().empty()) return wrong(key, "must not be empty");
  if (has_control_characters(value->get_ref<const std::string&>())) return wrong(key, kControlCharacters);
  into = value->get<std::string>();
}

void JsonObject::required_string(std::string_view key, std::string& into) {
  if (!has(key)) return wrong(key, "is missing");
  string(key, into);
}

void JsonObject::size(std::string_view key, uint64_t& into, uint64_t min) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_string()) return wrong(key, "must be a size in quotes, such as \"100GiB\"");
  auto bytes = parse_size(value->get_ref<const std::string&>());
  if (!bytes) return wrong(key, bytes.error().message);
  if (*bytes < min) return wrong(key, "must be at least " + size_text(min));
  into = *bytes;
}

void JsonObject::size(std::string_view key, uint32_t& into, uint32_t min, uint32_t max) {
  uint64_t bytes = into;
  size(key, bytes, min);
  if (bytes > max) return wrong(key, "must be at most " + size_text(max));
  into = static_cast<uint32_t>(bytes);
}

void JsonObject::duration(std::string_view key, int64_t& into_ms, int64_t min_ms, int64_t max_ms) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_string()) return wrong(key, "must be a time in quotes, such as \"60s\"");
  auto ms = parse_duration_ms(value->get_ref<const std::string&>());
  if (!ms) return wrong(key, ms.error().message);
  if (*ms < min_ms) return wrong(key, "must be at least " + duration_text(min_ms));
  if (*ms > max_ms) return wrong(key, "must be at most " + duration_text(max_ms));
  into_ms = *ms;
}

void JsonObject::number(std::string_view key, uint32_t& into, uint64_t min, uint64_t max) {
  const auto* value = find(key);
  if (!value) return;
  const bool whole = value->is_number_unsigned();
  if (!whole || value->get<uint64_t>() < min || value->get<uint64_t>() > max) {
    return wrong(key, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  into = static_cast<uint32_t>(value->get<uint64_t>());
}

void JsonObject::boolean(std::string_view key, bool& into) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_boolean()) return wrong(key, "must be true or false");
  into = value->get<bool>();
}

void JsonObject::strings(std::string_view key, std::vector<std::string>& into, size_t min) {
  const auto* value = find(key);
  if (!value) return;
  const json items = value->is_string() ? json::array({*value}) : *value;
  if (!items.is_array()) return wrong(key, "must be an array of strings");
  if (items.size() < min) return wrong(key, "must name at least one");
  std::vector<std::string> list;
  for (const auto& item : items) {
    if (!item.is_string()) return wrong(key, "must be an array of strings");
    if (has_control_characters(item.get_ref<const std::string&>())) return wrong(key, kControlCharacters);
    list.push_back(item.get<std::string>());
  }
  into = std::move(list);
}

void JsonObject::named_strings(
    std::string_view key,
    const std::function<void(const std::string& name, const std::vector<std::string>& texts)>& read) {
  object(key, [&read](JsonObject& child) {
    for (const auto& [name, unused] : child.value_.items()) {
      std::vector<std::string> texts;
      if (has_control_characters(name)) {
        child.asked_.insert(name);
        child.errors_.push_back(child.path() + ": " + kControlCharacters);
        continue;
      }
      child.strings(name, texts, 1);
      if (!texts.empty()) read(name, texts);
    }
  });
}

void JsonObject::strings_and_objects(
    std::string_view key, size_t max,
    const std::function<void(const std::string& place, const std::string& text)>& read_text,
    const std::function<void(JsonObject&)>& read_object) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_array()) return wrong(key, "must be a string, or an array of strings and objects");
  if (value->empty()) return wrong(key, "must hold at least one");
  if (value->size() > max) return wrong(key, "must hold at most " + std::to_string(max));
  for (size_t i = 0; i < value->size(); ++i) {
    const auto& item = (*value)[i];
    const std::string place = std::string(key) + "[" + std::to_string(i) + "]";
    if (item.is_object()) {
      JsonObject child(item, path_of(place), errors_);
      read_object(child);
      child.finish();
    } else if (!item.is_string()) {
      wrong(place, "must be a string or an object");
    } else if (item.get_ref<const std::string&>().empty()) {
      wrong(place, "must not be empty");
    } else if (has_control_characters(item.get_ref<const std::string&>())) {
      wrong(place, kControlCharacters);
    } else {
      read_text(place, item.get_ref<const std::string&>());
    }
  }
}

void JsonObject::object(std::string_view key, const std::function<void(JsonObject&)>& read) {
  const auto* value = find(key);
  if (!value) return;
  JsonObject child(*value, path_of(key), errors_);
  if (!value->is_object()) return;
  read(child);
  child.finish();
}

void JsonObject::objects(std::string_view key, const std::function<void(JsonObject&)>& read) {
  const auto* value = find(key);
  if (!value) return;
  if (!value->is_array()) return wrong(key, "must be an array of objects");
  if (value->empty()) return wrong(key, "must hold at least one");
  for (size_t i = 0; i < value->size(); ++i) {
    JsonObject child((*value)[i], path_of(key) + "[" + std::to_string(i) + "]", errors_);
    if (!(*value)[i].is_object()) continue;
    read(child);
    child.finish();
  }
}

void JsonObject::finish() {
  if (!value_.is_object()) return;
  for (const auto& [key, unused] : value_.items()) {
    if (!asked_.contains(key)) wrong(key, "unknown key");
  }
}

}  // namespace breakwater::conf
