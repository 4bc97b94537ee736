// A Change builds the Batch for one change of references. Each step adds what belongs to it: whatever loses a
// reference in a registry is queued for a review in the same batch, so that no review is lost if the process
// stops. Only References uses this class, and holds its lock from the first read to the write.
//
//   Change change(catalog, rules, pins, leases, clock);
//   if (auto deleted = change.delete_tag(repository, tag); !deleted) return deleted;
//   return catalog.write(change.take(), Durability::buffered);
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/leases.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

struct Uses;

class Pins;

class Change {
 public:
  // What it borrows outlives it.
  Change(const Catalog& catalog, const RouteRules& rules, const Pins& pins, Leases& leases, StoreClock& clock)
      : catalog_(catalog), rules_(rules), pins_(pins), leases_(leases), clock_(clock), now_(clock.now()) {}

  // Points a tag at a manifest, and queues a review of the manifest that the tag named before. In a registry
  // the tag counts as pushed now even if it names the same manifest, so that it is the newest. `conflict` if
  // it is immutable and names another.
  [[nodiscard]] Result<> set_tag(const RepositoryKey& repository, const std::string& tag,
                                 const Digest& digest, const std::string& media_type);
  // `tag` as it was read.
  [[nodiscard]] Result<> delete_tag(const RepositoryKey& repository, const NamedTag& tag);
  // Deletes a manifest from its repository, with its tags and edges. Queues reviews of its children, of the
  // referrers to it, and of the manifest's own digest, because each of these may be dead now. The children
  // inherit what is left of the manifest's lease, even if the change is not written in the end. In a registry
  // the tags that belong to the manifest by their names (dependents.h) go too, unless they are protected or
  // pinned.
  [[nodiscard]] Result<> delete_manifest(const NamedManifest& manifest);

  // Takes a digest out of all mirrors, which ask upstream again. A registry's manifest or link is a promise,
  // and stays. `uses` are all uses of the digest.
  [[nodiscard]] Result<> delete_from_mirrors(const Digest& digest, const Uses& uses);

  // Queues a review of something that has lost a reference. Mirrors lose what is least recently used instead.
  [[nodiscard]] Result<> review_soon(const RepositoryKey& repository, const Digest& digest);
  // Queues a review of a manifest that no tag names from now on, and notes until when it was promised to
  // stay.
  [[nodiscard]] Result<> leave_untagged(const RepositoryKey& repository, const Digest& digest);
  // The time until which a manifest stays although nothing names it any more, unless room is needed.
  Time untagged_until(const RepositoryKey& repository, const Digest& digest) const;

  // The tags that go with the manifests that they belong to.
  const std::vector<TagOf>& orphaned_tags() const { return orphaned_tags_; }

  Batch& batch() { return batch_; }
  bool empty() const { return batch_.empty(); }
  Batch take() { return std::move(batch_); }

 private:
  Result<> delete_tags_belonging_to(const NamedManifest& subject);

  const Catalog& catalog_;
  const RouteRules& rules_;
  const Pins& pins_;
  Leases& leases_;
  StoreClock& clock_;
  const Time now_;
  Batch batch_;
  std::map<Digest, std::optional<RepositoryKey>> soon_;  // what review_soon() has queued in batch_
  std::vector<TagOf> orphaned_tags_;
};

}  // namespace breakwater::store
