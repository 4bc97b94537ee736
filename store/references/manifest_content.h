// What one manifest names, as the layer that reads manifests found it. store/ cannot read them itself.
#pragma once

#include <string>
#include <vector>

#include "store/catalog/records.h"

namespace breakwater::store {

struct ManifestContent {
  struct Child {
    Digest digest;
    EdgeRecord edge;
  };
  ManifestRecord record;
  std::vector<Child> children;
  // Named and not needed, such as foreign layers: what a registry's repository has of these when the manifest
  // comes stays with it.
  std::vector<Child> foreign;
  std::string referrer_descriptor;  // JSON; only if record.subject
};

}  // namespace breakwater::store
