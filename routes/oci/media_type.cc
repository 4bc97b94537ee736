#include "routes/oci/media_type.h"

#include <algorithm>
#include <array>

namespace breakwater::routes {

std::string_view without_parameters(std::string_view content_type) {
  constexpr std::string_view kSpace = " \t";
  content_type = content_type.substr(0, content_type.find(';'));
  const size_t first = content_type.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return content_type.substr(first, content_type.find_last_not_of(kSpace) - first + 1);
}

bool is_media_type(std::string_view type) {
  constexpr size_t kBytesMax = 255;
  return !type.empty() && type.size() <= kBytesMax &&
         std::all_of(type.begin(), type.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_image_type(std::string_view type) { return type == kOciManifest || type == kDockerManifest; }

bool is_index_type(std::string_view type) { return type == kOciIndex || type == kDockerList; }

bool is_manifest_type(std::string_view type) {
  return is_image_type(type) || is_index_type(type) || type == kOciArtifact || type == kDockerSchema1 ||
         type == kDockerSchema1Signed;
}

bool is_foreign_layer_type(std::string_view type) {
  constexpr std::array<std::string_view, 2> kPrefixes = {"application/vnd.oci.image.layer.nondistributable.",
                                                         "application/vnd.docker.image.rootfs.foreign."};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [type](std::string_view prefix) { return type.starts_with(prefix); });
}

}  // namespace breakwater::routes
