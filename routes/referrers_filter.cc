#include "routes/referrers_filter.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "routes/json_bounds.h"
#include "routes/media_type.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;

std::string index_of(ordered_json descriptors) {
  ordered_json index;
  index["schemaVersion"] = 2;
  index["mediaType"] = kOciIndex;
  index["manifests"] = std::move(descriptors);
  return index.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string referrers_index(const std::vector<store::ReferrerRecord>& referrers, std::string_view artifact_type) {
  auto descriptors = ordered_json::array();
  for (const auto& referrer : referrers) {
    if (!artifact_type.empty() && referrer.artifact_type != artifact_type) continue;
    auto descriptor = ordered_json::parse(referrer.descriptor, nullptr, false);
    if (descriptor.is_object()) descriptors.push_back(std::move(descriptor));
  }
  return index_of(std::move(descriptors));
}

Result<std::string> filter_referrers(std::string_view index, std::string_view artifact_type) {
  auto parsed = json_within_bounds(index) ? ordered_json::parse(index, nullptr, false) : ordered_json();
  if (!parsed.is_object() || !parsed.contains("manifests") || !(parsed["manifests"].is_array() || parsed["manifests"].is_null())) {
    return failure(Error::Kind::corrupt, "upstream's list of referrers is no image index");
  }
  auto descriptors = ordered_json::array();
  for (auto& descriptor : parsed["manifests"]) {
    if (!descriptor.is_object()) continue;
    const auto type = descriptor.find("artifactType");
    const bool matches = type != descriptor.end() && type->is_string() && type->get_ref<const std::string&>() == artifact_type;
    if (artifact_type.empty() || matches) descriptors.push_back(std::move(descriptor));
  }
  return index_of(std::move(descriptors));
}

}  // namespace breakwater::routes
