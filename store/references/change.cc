#include "store/references/change.h"

#include <algorithm>

#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/dependents.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"

namespace breakwater::store {

Result<> Change::set_tag(const RepositoryKey& repository, const std::string& tag, const Digest& digest,
                         const std::string& media_type) {
  const auto before = catalog_.tag(repository, tag, Reach::disk);
  if (!before) return failure(before.error());
  TagRecord record{digest, media_type, clock_.wall(), now_, clock_.next()};
  const bool is_moved = *before && (*before)->digest != digest;
  if (is_moved && !rules_.is_mirror(repository.route)) {
    if (is_immutable(rules_.policy_for(repository), tag))
      return failure(Error::Kind::conflict,
                     "tag " + tag + " is immutable, and names " + (*before)->digest.text() + " already");
    if (auto left = leave_untagged(repository, (*before)->digest); !left) return left;
  }
  if (*before && !is_moved && rules_.is_mirror(repository.route)) {
    record.set_at = (*before)->set_at;
    record.sequence = (*before)->sequence;
  }
  batch_.put_tag(repository, tag, record, *before);
  return {};
}

Result<> Change::delete_tag(const RepositoryKey& repository, const NamedTag& tag) {
  batch_.delete_tag(repository, tag.tag, tag.record);
  return rules_.is_mirror(repository.route) ? Result<>() : leave_untagged(repository, tag.record.digest);
}

Result<> Change::delete_manifest(const NamedManifest& manifest) {
  const RepositoryKey& repository = manifest.repository;
  batch_.delete_manifest(repository, manifest.digest);
  batch_.delete_link(manifest.digest, repository);
  const auto children = catalog_.children(repository, manifest.digest);
  if (!children) return failure(children.error());
  for (const Digest& child : *children) {
    batch_.delete_edge(child, repository, manifest.digest);
    if (!rules_.is_mirror(repository.route)) leases_.inherit(child, manifest.digest);
    // What another manifest of the repository names has lost nothing: a base layer is not reviewed for each
    // image that goes.
    const auto parents = catalog_.parents_in(child, repository, std::nullopt, 2);
    if (!parents) return failure(parents.error());
    const bool is_needed = std::any_of(parents->begin(), parents->end(),
                                       [&](const Digest& parent) { return parent != manifest.digest; });
    if (is_needed) continue;
    if (auto queued = review_soon(repository, child); !queued) return queued;
  }
  if (manifest.record.subject) batch_.delete_referrer(repository, *manifest.record.subject, manifest.digest);
  const auto referrers = catalog_.referrer_digests(repository, manifest.digest, std::nullopt, SIZE_MAX);
  if (!referrers) return failure(referrers.error());
  for (const Digest& referrer : *referrers) {
    if (auto queued = review_soon(repository, referrer); !queued) return queued;
  }
  const auto tags = catalog_.tags_of(repository, manifest.digest);
  if (!tags) return failure(tags.error());
  for (const std::string& tag : *tags) {
    const auto record = catalog_.tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) batch_.delete_tag(repository, tag, **record);
  }
  if (auto queued = review_soon(repository, manifest.digest); !queued) return queued;
  return rules_.is_mirror(repository.route) ? Result<>() : delete_tags_belonging_to(manifest);
}

Result<> Change::delete_tags_belonging_to(const NamedManifest& subject) {
  const auto tags = tags_belonging_to(catalog_, subject.repository, subject.digest);
  if (!tags) return failure(tags.error());
  const RetentionPolicy& policy = rules_.policy_for(subject.repository);
  for (const NamedTag& tag : *tags) {
    const bool is_kept = is_protected(policy, tag.tag) || pins_.covers_tag(subject.repository, tag.tag);
    if (is_kept || tag.record.digest == subject.digest) continue;
    if (auto deleted = delete_tag(subject.repository, tag); !deleted) return deleted;
    orphaned_tags_.push_back({subject.repository, tag.tag, tag.record});
  }
  return {};
}

Result<> Change::delete_from_mirrors(const Digest& digest, const Uses& uses) {
  for (const NamedManifest& manifest : uses.manifests) {
    if (!rules_.is_mirror(manifest.repository.route)) continue;
    if (auto deleted = delete_manifest(manifest); !deleted) return deleted;
  }
  // Left behind, links would outnumber what is stored.
  for (const RepositoryKey& repository : uses.links) {
    if (rules_.is_mirror(repository.route)) batch_.delete_link(digest, repository);
  }
  return {};
}

// A review that is queued for the same moment must not become one of this repository only.
Result<> Change::review_soon(const RepositoryKey& repository, const Digest& digest) {
  if (rules_.is_mirror(repository.route)) return {};
  std::optional<RepositoryKey> only = repository;
  if (const auto ours = soon_.find(digest); ours != soon_.end()) {
    if (ours->second != only) only.reset();
  } else {
    const auto queued = catalog_.queues().queued_review(now_, digest);
    if (!queued) return failure(queued.error());
    if (*queued && (*queued)->only != only) only.reset();
  }
  soon_[digest] = only;
  batch_.put_review(now_, digest, only);
  return {};
}

Time Change::untagged_until(const RepositoryKey& repository, const Digest& digest) const {
  const auto kept = rules_.policy_for(repository).untagged_after.value_or(rules_.lease());
  return std::max(now_ + kept, leases_.until(digest));
}

Result<> Change::leave_untagged(const RepositoryKey& repository, const Digest& digest) {
  const Time until = untagged_until(repository, digest);
  batch_.put_review(until, digest);
  if (!rules_.policy_for(repository).untagged_after) return {};
  // A review is about a digest in all repositories, so what this repository's policy promises is noted in the
  // repository's own manifest record.
  const auto manifest = catalog_.manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return {};
  ManifestRecord record = **manifest;
  record.kept_until = until;
  batch_.put_manifest(repository, digest, record);
  return {};
}

}  // namespace breakwater::store
