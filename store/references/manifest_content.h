// What one manifest names, as the layer that reads manifests found it. store/ cannot read them itself:
// whoever needs that is handed a ReadManifest.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/records.h"

namespace breakwater::store {

// As the distribution specification has it: whatever is longer is no manifest.
inline constexpr uint64_t kManifestBytesMax = 4U << 20;
// An index may name indexes. So many levels of manifests below a manifest are taken in, and followed by
// whatever goes up or down from manifest to manifest.
inline constexpr int kManifestLevelsMax = 16;

struct ManifestContent {
  struct Child {
    Digest digest;
    EdgeRecord edge;
  };
  ManifestRecord record;
  // Each once. One that is listed in several roles is a manifest if any of them says so.
  std::vector<Child> children;
  // Named and not needed, such as foreign layers: what a registry's repository has of these when the manifest
  // comes stays with it. Their size is 0 if the manifest does not say it.
  std::vector<Child> foreign;
  std::string referrer_descriptor;  // JSON; only if record.subject
  std::string short_descriptor;     // the same without its annotations
  std::string client = {};          // who brings it, as BlobRecord has it
  // Not empty: the manifest gives one digest two sizes, and this says which.
  std::string contradiction;
};

// A manifest that was stored as a blob, and becomes a manifest of its parent's repository with its parent.
struct ChildManifest {
  Digest digest;
  ManifestContent content;
};

// Reads a manifest from its bytes. `media_type` is what its parent or its record calls it, "" if nothing
// does. `invalid` if the bytes are no manifest of that type. May be called from any thread.
using ReadManifest = std::function<Result<ManifestContent>(
    const Digest& digest, const std::string& media_type, std::string_view bytes)>;

}  // namespace breakwater::store
