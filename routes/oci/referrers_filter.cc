#include "routes/oci/referrers_filter.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/http/http.h"
#include "routes/oci/json_bounds.h"
#include "routes/oci/media_type.h"

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

// Appends the descriptors of `artifact_type`, or all if that is empty, to `descriptors`.
Result<> collect(std::string_view index, std::string_view artifact_type, ordered_json& descriptors) {
  auto parsed = json_within_bounds(index) ? ordered_json::parse(index, nullptr, false) : ordered_json();
  if (!parsed.is_object() || !parsed.contains("manifests") ||
      !(parsed["manifests"].is_array() || parsed["manifests"].is_null())) {
    return failure(Error::Kind::corrupt, "upstream's list of referrers is no image index");
  }
  for (auto& descriptor : parsed["manifests"]) {
    if (!descriptor.is_object()) continue;
    const auto type = descriptor.find("artifactType");
    const bool matches =
        type != descriptor.end() && type->is_string() && type->get_ref<const std::string&>() == artifact_type;
    if (artifact_type.empty() || matches) descriptors.push_back(std::move(descriptor));
  }
  return {};
}

}  // namespace

std::string referrers_index(const std::vector<store::NamedReferrer>& referrers) {
  auto descriptors = ordered_json::array();
  for (const auto& referrer : referrers) {
    auto descriptor = ordered_json::parse(referrer.record.descriptor, nullptr, false);
    if (descriptor.is_object()) descriptors.push_back(std::move(descriptor));
  }
  return index_of(std::move(descriptors));
}

std::string next_referrers_link(std::string_view path, const store::Digest& last,
                                std::string_view artifact_type) {
  std::string link = "<" + std::string(path) + "?last=" + proxy::percent_encode(last.text());
  if (!artifact_type.empty()) link += "&artifactType=" + proxy::percent_encode(artifact_type);
  return link + ">; rel=\"next\"";
}

Result<std::string> filter_referrers(std::string_view index, std::string_view artifact_type) {
  auto descriptors = ordered_json::array();
  if (auto collected = collect(index, artifact_type, descriptors); !collected)
    return failure(collected.error());
  return index_of(std::move(descriptors));
}

Result<std::string> join_referrers(const std::vector<std::string>& pages) {
  auto descriptors = ordered_json::array();
  for (const auto& page : pages) {
    if (auto collected = collect(page, "", descriptors); !collected) return failure(collected.error());
  }
  return index_of(std::move(descriptors));
}

}  // namespace breakwater::routes
