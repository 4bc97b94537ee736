// One change of who needs what, while it is put together: a Batch, with what each step of it brings along.
// Whatever loses a reference in a registry is queued for a review in the same batch, so that a stop at any
// moment loses none. For References, which holds its lock from the first look at the catalog to the write.
//
//   Change change(catalog, rules, leases, clock.now());
//   if (auto deleted = change.delete_tag(repository, tag); !deleted) return deleted;
//   return catalog.write(change.take(), Durability::buffered);
#pragma once

#include <string>
#include <utility>

#include "store/catalog/catalog.h"
#include "store/references/leases.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

class Change {
 public:
  // What it borrows outlives it.
  Change(const Catalog& catalog, const RouteRules& rules, const Leases& leases, Time now)
      : catalog_(catalog), rules_(rules), leases_(leases), now_(now) {}

  // Points a tag at a manifest. What it named before may be dead now. A push sets a tag anew, also to what it
  // named: it is the newest then.
  [[nodiscard]] Result<> set_tag(const RepositoryKey& repository, const std::string& tag,
                                 const Digest& digest, const std::string& media_type);
  // `tag` as it was read.
  [[nodiscard]] Result<> delete_tag(const RepositoryKey& repository, const NamedTag& tag);
  // Takes a manifest out of its repository, with its tags and edges. What it has needed may be dead now, and
  // what refers to it, and it itself.
  [[nodiscard]] Result<> delete_manifest(const NamedManifest& manifest);
  // Takes a digest out of all mirrors, which ask upstream again. A registry's manifest or link is a promise,
  // and stays.
  [[nodiscard]] Result<> delete_from_mirrors(const Digest& digest);

  // Queues a review of something that has lost a reference. Mirrors lose what is least recently used instead.
  void review_soon(const RepositoryKey& repository, const Digest& digest);
  // Queues a review of a manifest that no tag names from now on, and notes until when it was promised to
  // stay.
  [[nodiscard]] Result<> leave_untagged(const RepositoryKey& repository, const Digest& digest);
  // Until when a manifest stays that nothing names any more, unless room is needed.
  Time untagged_until(const RepositoryKey& repository, const Digest& digest) const;

  Batch& batch() { return batch_; }
  bool empty() const { return batch_.empty(); }
  Batch take() { return std::move(batch_); }

 private:
  const Catalog& catalog_;
  const RouteRules& rules_;
  const Leases& leases_;
  const Time now_;
  Batch batch_;
};

}  // namespace breakwater::store
