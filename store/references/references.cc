#include "store/references/references.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/store_clock.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/change.h"
#include "store/references/digest_locks.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"
#include "store/references/use_times.h"

namespace breakwater::store {
namespace {

// The same bytes may be pushed once more, as another type. What was answered before stays what it is.
void keep_first(ManifestRecord& record, const ManifestRecord& first) {
  record.media_type = first.media_type;
  if (first.subject || record.artifact_type.empty()) record.artifact_type = first.artifact_type;
  if (first.subject) record.subject = first.subject;
}

// The descriptor, in two records if its annotations are long.
void put_referrer(Batch& batch, const RepositoryKey& repository, const Digest& digest,
                  const ManifestRecord& record, const ManifestContent& content) {
  const std::string& whole = content.referrer_descriptor;
  if (!record.subject || whole.empty()) return;
  const bool is_parted =
      whole.size() > ReferrerRecord::kShortBytes && content.short_descriptor.size() < whole.size();
  if (!is_parted)
    return batch.put_referrer(repository, *record.subject, digest, {whole, record.artifact_type});
  batch.put_whole_referrer(repository, *record.subject, digest, {whole, record.artifact_type});
  batch.put_referrer(repository, *record.subject, digest,
                     {content.short_descriptor, record.artifact_type, whole.size()});
}

// Whether the bytes are known as another type already, which a tag or a parent has from then on.
Result<bool> is_promised(const Catalog& catalog, const References::NewManifest& manifest,
                         const ManifestRecord& known) {
  if (known.media_type == manifest.content.record.media_type) return false;
  const auto tags = catalog.tags_of(manifest.repository, manifest.digest);
  if (!tags) return failure(tags.error());
  const auto parent = catalog.parent_in(manifest.digest, manifest.repository, Reach::disk);
  if (!parent) return failure(parent.error());
  return !tags->empty() || parent->has_value();
}

Result<> check_manifest(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest) {
  const auto manifest = catalog.manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (*manifest) return {};
  return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
}

// With its place in the order of pushes.
TagRecord placed(TagRecord record, const StoreClock& clock) {
  if (record.sequence == Time()) record.sequence = clock.of_wall(record.set_at);
  return record;
}

}  // namespace

References::References(Catalog& catalog, Files& files, Leases& leases, UseTimes& use_times, Broken& broken,
                       CleanMark& mark, Pins& pins, const RouteRules& rules, StoreClock& clock, Log& log)
    : catalog_(catalog),
      files_(files),
      leases_(leases),
      use_times_(use_times),
      broken_(broken),
      mark_(mark),
      pins_(pins),
      rules_(rules),
      clock_(clock),
      log_(log) {}

Change References::begin() const { return Change(catalog_, rules_, pins_, leases_, clock_); }

Result<> References::write(Change& change) {
  const std::vector<TagOf> orphaned = change.orphaned_tags();
  auto written = catalog_.write(change.take(), Durability::buffered);
  if (!written) return written;
  for (const TagOf& tag : orphaned) {
    log_.info("tag_expired", {{"route", tag.repository.route},
                              {"repository", tag.repository.repository},
                              {"tag", tag.tag},
                              {"digest", tag.record.digest.text()},
                              {"reason", "what it belongs to is gone"}});
  }
  return {};
}

// --- adding

Result<> References::add_blob(const DigestLock&, const Digest& digest, const BlobRecord& record,
                              const std::optional<BlobRecord>& previous, const RepositoryKey& repository,
                              const std::string& upload, Durability durability) {
  Batch batch;
  batch.put_link(digest, repository, {});
  batch.delete_upload(upload);
  if (!rules_.is_mirror(repository.route)) {
    (void)leases_.take(digest, Leases::Kind::upload, repository, Reach::memory);
    batch.put_review(clock_.now() + rules_.lease(), digest);
  }
  batch.put_blob(digest, record, previous);
  return catalog_.write(std::move(batch), durability);
}

Result<> References::add_manifest_bytes(const DigestLock&, const Digest& digest, const BlobRecord& record,
                                        const std::optional<BlobRecord>& previous,
                                        std::optional<Time> review_after) {
  Batch batch;
  if (review_after) batch.put_review(*review_after, digest);
  batch.put_blob(digest, record, previous);
  return catalog_.write(std::move(batch), Durability::buffered);
}

Result<std::vector<Digest>> References::add_manifest(const DigestLock&, const NewManifest& manifest) {
  const RepositoryKey& repository = manifest.repository;
  const bool is_pushed = !rules_.is_mirror(repository.route);
  const Lock lock(mutex_);
  if (manifest.needs_children) {
    auto missing = missing_of(repository, &manifest.content, manifest.adopted);
    if (!missing || !missing->empty()) return missing;
  }
  const auto known = catalog_.manifest(repository, manifest.digest, Reach::disk);
  if (!known) return failure(known.error());
  Change change = begin();
  std::vector<Digest> needed, needed_by_adopted;
  for (const ChildManifest& child : manifest.adopted) {
    auto adopted = adopt(change, repository, child, needed_by_adopted);
    if (!adopted) return failure(adopted.error());
  }
  ManifestRecord record = manifest.content.record;
  const auto keeps = is_pushed && *known ? is_promised(catalog_, manifest, **known) : false;
  if (!keeps) return failure(keeps.error());
  if (*keeps) keep_first(record, **known);
  record.pushed_at = clock_.wall();
  const bool is_untagged = is_pushed && manifest.tags.empty();
  const Time kept_until = is_untagged ? change.untagged_until(repository, manifest.digest) : Time();
  if (is_untagged && rules_.policy_for(repository).untagged_after) record.kept_until = kept_until;
  change.batch().put_manifest(repository, manifest.digest, record);
  change.batch().put_link(manifest.digest, repository, {});
  if (auto added = add_edges(change, repository, manifest.digest, manifest.content, needed); !added)
    return failure(added.error());
  // The same bytes may have another subject, or none, when they come with another media type.
  const bool has_referrer = *known && (*known)->subject;
  const bool keeps_referrer = has_referrer && *keeps;
  if (has_referrer && !keeps_referrer) {
    change.batch().delete_referrer(repository, *(*known)->subject, manifest.digest);
  }
  if (!keeps_referrer) put_referrer(change.batch(), repository, manifest.digest, record, manifest.content);
  for (const std::string& tag : manifest.tags) {
    auto set = change.set_tag(repository, tag, manifest.digest, manifest.content.record.media_type);
    if (!set) return failure(set.error());
  }
  // Its bytes were queued for a review in case of a crash before this batch.
  if (manifest.review_after) change.batch().delete_review(*manifest.review_after, manifest.digest);
  if (is_untagged) {
    change.batch().put_review(kept_until, manifest.digest);
    // Until a tag or a parent comes: an index is pushed after its children, a referrer maybe before its
    // subject.
    (void)leases_.take(manifest.digest, Leases::Kind::upload, repository, Reach::memory);
  }
  if (auto written = write(change); !written) return failure(written.error());
  for (const Digest& child : needed_by_adopted) leases_.fulfil(child, repository);
  // A manifest that was here before has ended its uploads' leases then: later uploads are for other
  // manifests.
  if (!is_pushed || *known) return std::vector<Digest>();
  for (const Digest& child : needed) leases_.fulfil(child, repository);
  return std::vector<Digest>();
}

// What the repository lacks of `content`, if there is one, and of the manifests that it gets with that.
Result<std::vector<Digest>> References::missing_of(const RepositoryKey& repository,
                                                   const ManifestContent* content,
                                                   std::span<const ChildManifest> adopted) {
  std::set<Digest> with;
  for (const ChildManifest& child : adopted) with.insert(child.digest);
  std::vector<Digest> all;
  const auto add = [&](const ManifestContent& one) -> Result<> {
    const auto missing = missing_children(catalog_, repository, one, with);
    if (!missing) return failure(missing.error());
    all.insert(all.end(), missing->begin(), missing->end());
    return {};
  };
  for (const ChildManifest& child : adopted) {
    const auto held = has_blob(catalog_, repository, child.digest);
    if (!held) return failure(held.error());
    if (!*held) all.push_back(child.digest);
    if (auto added = add(child.content); !added) return failure(added.error());
  }
  if (auto added = content ? add(*content) : Result<>(); !added) return failure(added.error());
  return all;
}

// A blob of the repository becomes a manifest of it. Its parent is in the same batch, or here.
Result<> References::adopt(Change& change, const RepositoryKey& repository, const ChildManifest& child,
                           std::vector<Digest>& needed) {
  const auto known = catalog_.manifest(repository, child.digest, Reach::disk);
  if (!known) return failure(known.error());
  if (*known) return {};
  ManifestRecord record = child.content.record;
  record.pushed_at = clock_.wall();
  change.batch().put_manifest(repository, child.digest, record);
  change.batch().put_link(child.digest, repository, {});
  put_referrer(change.batch(), repository, child.digest, record, child.content);
  return add_edges(change, repository, child.digest, child.content, needed);
}

// To what the manifest needs, and at a registry to the foreign layers that the repository holds all the same.
Result<> References::add_edges(Change& change, const RepositoryKey& repository, const Digest& digest,
                               const ManifestContent& content, std::vector<Digest>& needed) {
  for (const ManifestContent::Child& child : content.children) {
    change.batch().put_edge(child.digest, repository, digest, child.edge);
    needed.push_back(child.digest);
  }
  if (rules_.is_mirror(repository.route)) return {};
  for (const ManifestContent::Child& child : content.foreign) {
    const auto held = has_blob(catalog_, repository, child.digest);
    if (!held) return failure(held.error());
    if (!*held) continue;
    change.batch().put_edge(child.digest, repository, digest, child.edge);
    needed.push_back(child.digest);
  }
  return {};
}

Result<> References::put_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& record,
                             Durability durability) {
  const Lock lock(mutex_);
  if (auto there = check_manifest(catalog_, repository, record.digest); !there) return there;
  const auto before = catalog_.tag(repository, tag, Reach::disk);
  if (!before) return failure(before.error());
  Batch batch;
  batch.put_tag(repository, tag, placed(record, clock_), *before);
  return catalog_.write(std::move(batch), durability);
}

Result<bool> References::take_tag(const RepositoryKey& repository, const std::string& tag,
                                  const TagRecord& record, const std::optional<TagRecord>& before) {
  const Lock lock(mutex_);
  if (auto there = check_manifest(catalog_, repository, record.digest); !there) return failure(there.error());
  const auto now = catalog_.tag(repository, tag, Reach::disk);
  if (!now) return failure(now.error());
  const bool is_same =
      now->has_value() == before.has_value() &&
      (!before || ((*now)->digest == before->digest && (*now)->pushed() == before->pushed()));
  if (!is_same) return false;
  Change change = begin();
  const bool is_moved = before && before->digest != record.digest;
  if (is_moved && !rules_.is_mirror(repository.route)) {
    if (is_immutable(rules_.policy_for(repository), tag)) return false;
    if (auto left = change.leave_untagged(repository, before->digest); !left) return failure(left.error());
  }
  change.batch().put_tag(repository, tag, placed(record, clock_), before);
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<> References::link(const RepositoryKey& repository, const Digest& digest) {
  const Lock lock(mutex_);
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return {};
  Batch batch;
  batch.put_link(digest, repository, {});
  return catalog_.write(std::move(batch), Durability::buffered);
}

Result<bool> References::mount(const RepositoryKey& to, const std::string& from, const Digest& digest) {
  const auto ticket = leases_.take(digest, Leases::Kind::upload, to, Reach::disk);
  auto mounted = [&] {
    const Lock lock(mutex_);
    return mount_locked(to, from, digest);
  }();
  if (!mounted || !*mounted) {
    leases_.undo(digest, *ticket);
    return mounted;
  }
  if (auto synced = catalog_.sync(); !synced) return failure(synced.error());
  return true;
}

Result<bool> References::mount_locked(const RepositoryKey& to, const std::string& from,
                                      const Digest& digest) {
  if (from.empty()) {
    const auto links = catalog_.by_digest().links(digest);
    if (!links) return failure(links.error());
    const auto is_of_route = [&](const RepositoryKey& repository) { return repository.route == to.route; };
    if (std::none_of(links->begin(), links->end(), is_of_route)) return false;
  } else {
    auto served = may_serve(catalog_, {to.route, from}, digest, Reach::disk);
    if (!served || !*served) return served;
  }
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  Batch batch;
  batch.put_link(digest, to, {});
  batch.put_review(clock_.now() + rules_.lease(), digest);
  if (auto written = catalog_.write(std::move(batch), Durability::buffered); !written) {
    return failure(written.error());
  }
  return true;
}

// --- telling a client

Result<References::LeasedManifest> References::lease_manifest(const RepositoryKey& repository,
                                                              const Digest& digest, Reach reach,
                                                              Leases::Kind kind) {
  const auto ticket = leases_.take(digest, kind, repository, reach);
  if (!ticket) return failure(Error::Kind::would_block, digest.text() + " is being collected");
  const auto record = catalog_.manifest(repository, digest, reach);
  // Its bytes may be lost. Then no client is told that it is there, so that one that has it pushes it anew.
  const auto blob = record && *record ? catalog_.blob(digest, reach) : Result<std::optional<BlobRecord>>();
  if (record && *record && blob && *blob) {
    use_times_.note(digest);
    return LeasedManifest{digest, **record};
  }
  leases_.undo(digest, *ticket);
  if (!record) return failure(record.error());
  if (!blob) return failure(blob.error());
  return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
}

Result<References::LeasedManifest> References::lease_tag(const RepositoryKey& repository,
                                                         const std::string& tag, Reach reach,
                                                         Leases::Kind kind) {
  std::optional<Digest> looked_for;
  for (;;) {
    const auto record = catalog_.tag(repository, tag, reach);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, repository.repository + " has no tag " + tag);
    auto leased = lease_manifest(repository, (*record)->digest, reach, kind);
    // Two tags may name the same bytes and have been pushed as two types.
    const bool has_type = leased && !rules_.is_mirror(repository.route) && !(*record)->media_type.empty();
    if (has_type) leased->record.media_type = (*record)->media_type;
    const bool is_gone = !leased && leased.error().kind == Error::Kind::not_found;
    // If the manifest is gone, the tag was probably moved in between: look again, unless it names the same
    // one.
    if (!is_gone || looked_for == (*record)->digest) return leased;
    looked_for = (*record)->digest;
  }
}

}  // namespace breakwater::store
