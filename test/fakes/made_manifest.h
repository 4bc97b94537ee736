// Manifests made from parts, as clients write them:
//
//   MadeManifest image;
//   image.config = Descriptor("application/vnd.oci.image.config.v1+json", digest, 100);
//   image.layers = {layer};
//   image.text();
//
// Fields that are not set are not written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routes/oci/media_type.h"
#include "store/base/digest.h"

namespace breakwater::test {

struct Descriptor {
  Descriptor(std::string_view type, const store::Digest& named, uint64_t bytes)
      : media_type(type), digest(named), size(bytes) {}
  std::string media_type;
  store::Digest digest;
  uint64_t size;
};

inline constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kForeignLayerType =
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
inline constexpr std::string_view kNondistributableLayerType =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
inline constexpr std::string_view kCacheConfigType = "application/vnd.buildkit.cacheconfig.v0";
inline constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";

struct MadeManifest {
  std::string media_type{routes::kOciManifest};
  std::string artifact_type;
  std::optional<Descriptor> config;
  std::vector<Descriptor> layers;  // written, even if empty, when there is a config
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  std::string note;  // the annotation "made.for"

  std::string text() const;
};

// An index that names these.
std::string index_text(const std::vector<Descriptor>& manifests,
                       std::string_view media_type = routes::kOciIndex);

}  // namespace breakwater::test
