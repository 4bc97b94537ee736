// One image as a tree, from its index or manifest down to its layers, as JSON (listing.h has the shape). What
// is not here is told by what its parent says of it. Reads manifests from the disk; may block.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/store.h"

namespace breakwater::routes {

class ImageTree {
 public:
  static constexpr size_t kThingsMax = 2000;

  // Both outlive it.
  ImageTree(store::Store& store, const store::RepositoryKey& repository)
      : store_(store), repository_(repository) {}

  [[nodiscard]] Result<nlohmann::ordered_json> of(const store::Digest& manifest);
  bool is_cut() const { return is_cut_; }  // something was left out

 private:
  // What a manifest says of its children beside their sizes.
  struct Said {
    std::map<store::Digest, std::string> platforms;
    std::map<store::Digest, const char*> kinds;
  };
  Result<nlohmann::ordered_json> node(const store::Digest& digest, const char* kind, int level);
  Result<nlohmann::ordered_json> children_of(const store::Digest& digest, int level);
  Said said_by(const store::Digest& manifest);

  store::Store& store_;
  const store::RepositoryKey& repository_;
  size_t things_ = 0;
  bool is_cut_ = false;
};

}  // namespace breakwater::routes
