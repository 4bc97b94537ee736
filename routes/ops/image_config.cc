#include "routes/ops/image_config.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using Read = nlohmann::json;

std::string text_in(const Read& object, const char* field) {
  const auto& value = in(object, field);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool is_empty_layer(const Read& line) {
  const auto& said = in(line, "empty_layer");
  return said.is_boolean() && said.get<bool>();
}

void put_line(Json& row, const Read& line, StrangersTexts& texts) {
  for (const char* field : {"created", "created_by", "author", "comment"})
    texts.put_text(row, field, line, field);
}

}  // namespace

const Read& in(const Read& object, const char* field) {
  static const Read kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(field);
  return found == object.end() ? kNothing : *found;
}

std::optional<store::Digest> digest_in(const Read& descriptor, const char* field) {
  const auto& text = in(descriptor, field);
  if (!text.is_string()) return std::nullopt;
  const auto digest = store::Digest::parse(text.get_ref<const std::string&>());
  return digest ? std::optional(*digest) : std::nullopt;
}

std::string StrangersTexts::taken(const std::string& text) {
  size_t size = std::min({text.size(), text_bytes_max_, bytes_left_});
  if (size < text.size()) {
    is_cut_ = true;
    // No part of a character.
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  }
  bytes_left_ -= size;
  return text.substr(0, size);
}

bool StrangersTexts::has_row(size_t size) {
  const bool has_one = size < rows_max_ && bytes_left_ > 0;
  is_cut_ = is_cut_ || !has_one;
  return has_one;
}

void StrangersTexts::put_text(Json& to, const char* as, const Read& object, const char* field) {
  const auto& value = in(object, field);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return;
  to[as] = taken(value.get_ref<const std::string&>());
}

void StrangersTexts::put_list(Json& to, const char* as, const Read& object, const char* field) {
  const auto& values = in(object, field);
  if (!values.is_array()) return;
  Json list = Json::array();
  for (const auto& value : values) {
    if (!value.is_string()) continue;
    if (!has_row(list.size())) break;
    list.push_back(taken(value.get_ref<const std::string&>()));
  }
  if (!list.empty()) to[as] = std::move(list);
}

void StrangersTexts::put_keys(Json& to, const char* as, const Read& object, const char* field) {
  const auto& values = in(object, field);
  if (!values.is_object()) return;
  Json list = Json::array();
  for (const auto& [key, value] : values.items()) {
    if (!has_row(list.size())) break;
    list.push_back(taken(key));
  }
  if (!list.empty()) to[as] = std::move(list);
}

void StrangersTexts::put_map(Json& to, const char* as, const Read& object, const char* field) {
  const auto& values = in(object, field);
  if (!values.is_object()) return;
  // Sorted by key already, so each is put behind all others without looking for it.
  Json::object_t map;
  for (const auto& [key, value] : values.items()) {
    if (!value.is_string()) continue;
    if (!has_row(map.size())) break;
    auto name = taken(key);
    map.push_back({std::move(name), taken(value.get_ref<const std::string&>())});
  }
  if (!map.empty()) to[as] = std::move(map);
}

std::string platform_text(const Read& object) {
  std::string text = text_in(object, "os") + "/" + text_in(object, "architecture");
  const std::string variant = text_in(object, "variant");
  if (!variant.empty()) text += "/" + variant;
  // Longer than any that there is: it is none.
  constexpr size_t kBytesMax = 256;
  return text == "/" || text.size() > kBytesMax ? "" : text;
}

void put_config(Json& row, const Read& config, StrangersTexts& texts) {
  if (const auto platform = platform_text(config); !platform.empty()) row["platform"] = platform;
  texts.put_text(row, "created", config, "created");
  texts.put_text(row, "author", config, "author");
  const auto& run = in(config, "config");
  texts.put_text(row, "user", run, "User");
  texts.put_text(row, "working_dir", run, "WorkingDir");
  texts.put_text(row, "stop_signal", run, "StopSignal");
  texts.put_list(row, "entrypoint", run, "Entrypoint");
  texts.put_list(row, "cmd", run, "Cmd");
  texts.put_list(row, "env", run, "Env");
  texts.put_keys(row, "exposed_ports", run, "ExposedPorts");
  texts.put_keys(row, "volumes", run, "Volumes");
  texts.put_map(row, "labels", run, "Labels");
}

void put_history(Json& answer, Json layers, const Read& config, StrangersTexts& texts) {
  const auto& lines = in(config, "history");
  if (!lines.is_array()) {
    answer["layers"] = std::move(layers);
    return;
  }
  const auto of_layers = static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(), [](const auto& line) { return !is_empty_layer(line); }));
  const bool fits = of_layers == layers.size();
  Json rows = Json::array();
  size_t next = 0;
  for (const auto& line : lines) {
    if (!texts.has_row(rows.size())) break;
    Json row = Json::object();
    if (is_empty_layer(line)) {
      row["empty"] = true;
    } else if (fits) {
      row = std::move(layers[next++]);
    }
    put_line(row, line, texts);
    rows.push_back(std::move(row));
  }
  if (!fits) {
    answer["layers"] = std::move(layers);
    answer["history"] = std::move(rows);
    return;
  }
  // What the answer has no room for is told without its lines.
  for (; next < layers.size(); ++next) rows.push_back(std::move(layers[next]));
  answer["layers"] = std::move(rows);
}

}  // namespace breakwater::routes
