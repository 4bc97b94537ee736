#include "routes/oci/tag_list.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/http/http.h"
#include "routes/oci/json_bounds.h"

namespace breakwater::routes {

using nlohmann::json;

Result<std::vector<std::string>> parse_tag_list(std::string_view text) {
  const auto bad = [](const char* why) {
    return failure(Error::Kind::corrupt, std::string("upstream's tag list ") + why);
  };
  if (!json_within_bounds(text))
    return failure(Error::Kind::too_large, "upstream's tag list is too deep or too long");
  const auto list = json::parse(text, nullptr, false);
  if (!list.is_object() || !list.contains("tags")) return bad("is no tag list");
  const auto& tags = list["tags"];
  std::vector<std::string> result;
  if (tags.is_null()) return result;
  if (!tags.is_array()) return bad("has no array of tags");
  for (const auto& tag : tags) {
    if (!tag.is_string()) return bad("names a tag that is none");
    result.push_back(tag.get<std::string>());
  }
  return result;
}

std::string json_text_of(std::string_view name) { return json(name).dump(); }

std::string tag_list_json(std::string_view name, const std::vector<std::string>& tags) {
  nlohmann::ordered_json list;
  list["name"] = name;
  list["tags"] = tags;
  return list.dump();
}

std::string repository_list_json(const std::vector<std::string>& names) {
  json list;
  list["repositories"] = names;
  return list.dump();
}

Page page_of(std::vector<std::string> items, std::string_view last, std::optional<uint64_t> n) {
  std::sort(items.begin(), items.end());
  const auto start = std::upper_bound(items.begin(), items.end(), last);
  const auto behind = static_cast<uint64_t>(items.end() - start);
  const uint64_t count = std::min(n.value_or(behind), behind);
  const auto stop = start + static_cast<std::ptrdiff_t>(count);
  return {std::vector<std::string>(std::make_move_iterator(start), std::make_move_iterator(stop)),
          count > 0 && count < behind};
}

std::string next_page_link(std::string_view path, uint64_t n, std::string_view last, std::string_view ns) {
  std::string link =
      "<" + std::string(path) + "?n=" + std::to_string(n) + "&last=" + proxy::percent_encode(last);
  if (!ns.empty()) link += "&ns=" + proxy::percent_encode(ns);
  return link + ">; rel=\"next\"";
}

}  // namespace breakwater::routes
