// How large an image is in truth: all that it needs, each thing once, by what its manifests say of sizes. A
// mirror may hold only a part of it. May block; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/base/result.h"
#include "store/catalog/catalog.h"

namespace breakwater::store {

struct ImageSize {
  uint64_t bytes = 0;        // of content: the manifests, and all below them
  uint64_t here_bytes = 0;   // of what is stored
  uint64_t missing = 0;      // things that are not here
  bool is_at_least = false;  // a manifest is not here, or there are more than kThingsMax: there is more
  static constexpr size_t kThingsMax = 10'000;
};
[[nodiscard]] Result<ImageSize> image_size(const Catalog& catalog, const RepositoryKey& repository,
                                           const Digest& digest);

}  // namespace breakwater::store
