// Who has what: all stored blobs in the order of their digests, each with the repositories that have it, be
// it by a link, as a manifest, or because a manifest of theirs names it. Links, manifests and edges are kept
// in the order of digests too, so one pass over the four of them side by side is enough, and nothing is
// remembered however many repositories have a blob. May block; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "store/base/result.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database;

class CatalogHolders {
 public:
  // Told of each blob, and then of each repository that has it, once and in the order of their names. It must
  // not ask the catalog for anything.
  class Visitor {
   public:
    virtual ~Visitor() = default;
    virtual void blob(const UsedBlob& blob) = 0;
    virtual void holder(const RepositoryKey& repository) = 0;
  };

  explicit CatalogHolders(const Database& database) : database_(database) {}

  // At most `limit` blobs behind `position` (empty: from the start), which is moved on. The pass has ended if
  // fewer than `limit` come; how many is returned. A record that cannot be understood is left out and told to
  // `malformed`. What changes during a pass may be seen or not.
  [[nodiscard]] Result<size_t> next(std::string& position, size_t limit, const Malformed& malformed,
                                    Visitor& visitor) const;

 private:
  const Database& database_;
};

}  // namespace breakwater::store
