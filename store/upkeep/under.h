// What goes with a manifest when it goes: the bytes of it, and of those under it that nothing else has. May
// block; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "store/base/result.h"
#include "store/catalog/catalog.h"
#include "store/upkeep/planning.h"

namespace breakwater::store {

class WhatIsUnder {
 public:
  static constexpr size_t kUnderMax = 20'000;  // are named, of all items together

  explicit WhatIsUnder(const Catalog& catalog) : catalog_(catalog) {}

  // Adds to `item` what goes with the manifest `digest` if it loses the tag `tag`, or what is under it if
  // that is empty. Nothing if another tag or a manifest keeps it.
  [[nodiscard]] Result<> add(const RepositoryKey& repository, const Digest& digest, const std::string& tag,
                             Planned& item);

 private:
  Result<> add_children(const RepositoryKey& repository, const Digest& parent, int level, Planned& item);
  Result<> add_thing(const Digest& digest, bool is_manifest, Planned& item);
  Result<bool> is_elsewhere(const RepositoryKey& repository, const Digest& digest) const;

  const Catalog& catalog_;
  size_t named_ = 0;
};

}  // namespace breakwater::store
