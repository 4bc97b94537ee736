// What the pushes of each cache tag have brought: how much of it was new, and how much was there already. A
// cache tag is one that its registry's policy calls cache (RetentionPolicy::cache_tags), but for those whose
// name says that they belong to an image.
//
//   generation   one push of the tag, with everything that its manifest needs
//   new          neither the tag's push before nor any other manifest of the repository had it
//   import       a client has fetched the manifest that the tag names
//
// A record of at most 30 generations goes with its tag, in the same change. All records have kBytesMax bytes
// of the disk at most, beside what the rings of traffic have: if there are more, those go whose tags were
// pushed longest ago. Nothing is kept in memory. A push is noted behind its change, not within: what a crash
// loses is one generation of one tag.
//
// May block; any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/rows.h"
#include "store/catalog/store_clock.h"
#include "store/references/manifest_content.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

class Catalog;

class CacheGenerations {
 public:
  static constexpr uint64_t kBytesMax = 16U << 20;
  static constexpr size_t kDigestsMax = 4096;  // of one push: further ones are not counted

  // What it borrows outlives it.
  CacheGenerations(Catalog& catalog, const RouteRules& rules, const StoreClock& clock, Log& log,
                   uint64_t bytes_max = kBytesMax)
      : catalog_(catalog), rules_(rules), clock_(clock), log_(log), bytes_max_(bytes_max) {}

  // `digest`, whose manifest and edges are in the catalog, was pushed as `tags`; `children` are in the order
  // of the manifest. Nothing is noted of those that are no cache tags. Not synced.
  [[nodiscard]] Result<> note_push(const RepositoryKey& repository, const Digest& digest,
                                   std::span<const ManifestContent::Child> children,
                                   const std::vector<std::string>& tags);

  // A client has fetched a manifest, by its tag or, if that is empty, by its digest.
  struct Import {
    RepositoryKey repository;
    std::string tag;
    std::optional<Digest> digest;
    Time at{};  // by the store's clock: the last time
    uint64_t times = 0;
  };
  [[nodiscard]] Result<> note_imports(std::span<const Import> imports);

  // Whether the tag is one of those whose pushes are noted.
  bool is_noted(const RepositoryKey& repository, const std::string& tag) const;

  // To be called every now and then: keeps the bound. Walks over all only if it may be exceeded.
  [[nodiscard]] Result<> trim();
  [[nodiscard]] Result<> forget(const std::string& route);

 private:
  struct Brought;
  Result<Brought> brought_by(const RepositoryKey& repository, const Digest& digest,
                             std::span<const ManifestContent::Child> children) const;
  Result<> add_children(const RepositoryKey& repository, const Digest& parent, Brought& brought) const;
  Result<> note_push(const RepositoryKey& repository, const std::string& tag, const Digest& digest,
                     const Brought& brought) REQUIRES(mutex_);
  Result<> delete_rows(const std::string& position,
                       const std::function<Result<std::optional<bool>>(const TagGenerations&)>& goes)
      REQUIRES(mutex_);

  Catalog& catalog_;
  const RouteRules& rules_;
  const StoreClock& clock_;
  Log& log_;
  const uint64_t bytes_max_;
  Mutex mutex_;  // from the reads of a change to its write
  std::atomic<bool> is_counted_ = false;
  std::atomic<uint64_t> bytes_ = 0;  // since it was counted; maybe too high, never too low
};

}  // namespace breakwater::store
