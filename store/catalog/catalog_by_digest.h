// Who has a digest or needs it, over all repositories and routes. May block; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogByDigest {
 public:
  explicit CatalogByDigest(const Database& database) : database_(database) {}

  [[nodiscard]] Result<std::vector<NamedManifest>> manifests_of(const Digest&) const;
  [[nodiscard]] Result<std::vector<Parent>> parents(const Digest& child) const;
  // At most `limit`.
  [[nodiscard]] Result<std::vector<RepositoryKey>> links(const Digest& blob, size_t limit = SIZE_MAX) const;
  // At most `limit` of the repositories of which a manifest names `child`: one step each, however many of
  // their manifests do.
  [[nodiscard]] Result<std::vector<RepositoryKey>> repositories_naming(const Digest& child,
                                                                       size_t limit = SIZE_MAX) const;
  // The routes with a link to the digest, or of which a manifest names it. One step each.
  [[nodiscard]] Result<std::set<std::string>> routes_of(const Digest&) const;
  // The same of all repositories but one.
  [[nodiscard]] Result<std::set<std::string>> routes_beside(const Digest&, const RepositoryKey& but) const;

 private:
  const Database& database_;
};

}  // namespace breakwater::store
