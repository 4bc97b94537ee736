// The part of References that upkeep/ calls rather than a client's request: taking digests away, and mending.
#include "store/references/references.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
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

// So many repositories are looked at one by one; a base layer may have very many more.
constexpr size_t kFewUses = 4;

// At least a lease from now, and the same for a while: a pass over all reviews, due or not, which puts one
// behind itself, must not meet it again and again.
Time next_round(Time now, Time::duration lease) {
  const auto round = std::max<Time::duration>(lease, std::chrono::minutes(1));
  return Time(((now + round).time_since_epoch() / round + 1) * round);
}

}  // namespace

// --- taking a digest away

Result<std::optional<Trashed>> References::evict(const DigestLock&, const Digest& digest) {
  const Lock lock(mutex_);
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return std::nullopt;
  // Asked under the lock: a push may have come to need it since it was chosen.
  const auto needed = is_needed_by_registry(catalog_, rules_, digest);
  if (!needed) return failure(needed.error());
  if (*needed) return std::nullopt;
  const auto pinned = is_pinned(catalog_, pins_, digest);
  if (!pinned) return failure(pinned.error());
  if (*pinned) return std::nullopt;
  const auto trashed = files_.trash_unless_read(digest);
  if (!trashed && trashed.error().kind != Error::Kind::not_found) return failure(trashed.error());
  if (trashed && !*trashed) return std::nullopt;
  auto deleted = delete_record(digest, *record);
  if (!deleted && deleted.error().kind == Error::Kind::full && trashed) {
    // Freeing this blob's bytes may give the catalog the room that it lacks. If the record still cannot be
    // deleted, Blobs::open() finds later that the file is gone.
    if (auto freed = files_.delete_trashed(digest); !freed) return failure(freed.error());
    deleted = delete_record(digest, *record);
    if (!deleted) return failure(deleted.error());
  } else if (!deleted) {
    (void)files_.restore(digest);
    return failure(deleted.error());
  }
  return Trashed{digest, (*record)->route, (*record)->size, (*record)->used_at};
}

// Deletes the blob's record, and the mirrors' references to the digest. The Budget still counts the bytes.
Result<> References::delete_record(const Digest& digest, const std::optional<BlobRecord>& record) {
  const auto uses = uses_of(catalog_, digest);
  if (!uses) return failure(uses.error());
  Change change = begin();
  if (record) change.batch().delete_blob(digest, *record);
  if (auto deleted = change.delete_from_mirrors(digest, *uses); !deleted) return deleted;
  return change.empty() ? Result<>() : write(change);
}

// What a review has to look at. `only` is the repository that alone has lost something, if a registry has the
// digest in another one too: then nothing else can have become dead, and the others, of which there may be
// very many, are not looked at. Without it, `uses` are all.
struct References::Scope {
  std::optional<RepositoryKey> only;
  Uses uses;
};

Result<References::Scope> References::scope_of(const Review& review) const {
  // As it is queued now: since it was read it may have become one of all repositories.
  const auto queued = catalog_.queues().queued_review(review.review_after, review.digest);
  if (!queued) return failure(queued.error());
  const std::optional<RepositoryKey> only = *queued ? (*queued)->only : review.only;
  const bool may_be_of_one = only && !rules_.is_mirror(only->route);
  auto uses = uses_of(catalog_, review.digest, may_be_of_one ? kFewUses : SIZE_MAX);
  if (!uses) return failure(uses.error());
  if (!may_be_of_one) return Scope{std::nullopt, *std::move(uses)};
  const auto is_elsewhere = [&](const RepositoryKey& repository) {
    return repository != *only && !rules_.is_mirror(repository.route);
  };
  if (std::any_of(uses->links.begin(), uses->links.end(), is_elsewhere) ||
      std::any_of(uses->needing.begin(), uses->needing.end(), is_elsewhere))
    return Scope{only, {}};
  if (uses->is_whole) return Scope{std::nullopt, *std::move(uses)};
  const auto routes = catalog_.by_digest().routes_beside(review.digest, *only);
  if (!routes) return failure(routes.error());
  if (std::any_of(routes->begin(), routes->end(),
                  [&](const std::string& route) { return !rules_.is_mirror(route); }))
    return Scope{only, {}};
  uses = uses_of(catalog_, review.digest);
  if (!uses) return failure(uses.error());
  return Scope{std::nullopt, *std::move(uses)};
}

Result<References::Reviewed> References::review(const DigestLock&, const Review& review, For purpose,
                                                const TakeRoom& take_room) {
  const Lock lock(mutex_);
  const auto scope = scope_of(review);
  if (!scope) return failure(scope.error());
  const auto& [only, uses] = *scope;
  // A lease is of no use to a client if no repository may serve the digest any more.
  if (!only && uses.links.empty() && uses.needing.empty()) leases_.release(review.digest);
  const BeingCollected collecting(leases_, review.digest, purpose);
  if (!collecting.is_begun()) {
    auto postponed = postpone(review, std::max(review.review_after, leases_.until(review.digest)));
    if (!postponed) return failure(postponed.error());
    Reviewed leased;
    leased.is_postponed = true;
    return leased;
  }
  Change change = begin();
  change.batch().delete_review(review.review_after, review.digest);
  const Time now = purpose == For::room ? Time::max() : clock_.now();
  const auto manifests =
      only ? collect_manifest(change, *only, review.digest, now) : collect_manifests(change, uses, now);
  if (!manifests) return failure(manifests.error());
  if (*manifests == 0 && only) return leave_repository(change, *only, review.digest);
  if (*manifests == 0) return collect_blob(change, review.digest, uses, take_room);
  // The next review, which this has queued, finds what is left: links and the file.
  if (auto written = write(change); !written) return failure(written.error());
  Reviewed reviewed;
  reviewed.manifests = *manifests;
  return reviewed;
}

// The same as collect_blob() for one repository, while another keeps the blob.
Result<References::Reviewed> References::leave_repository(Change& change, const RepositoryKey& repository,
                                                          const Digest& digest) {
  const auto manifest = catalog_.manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  const auto parent = catalog_.parent_in(digest, repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (!*manifest && !*parent) change.batch().delete_link(digest, repository);
  if (auto written = write(change); !written) return failure(written.error());
  return Reviewed();
}

Result<> References::postpone(const Review& review, Time until) {
  Batch batch;
  batch.delete_review(review.review_after, review.digest);
  batch.put_review(until, review.digest);
  return catalog_.write(std::move(batch), Durability::buffered);
}

// Takes the digest out of the registries' repositories where it is a dead manifest that was promised until
// `now` at most.
Result<size_t> References::collect_manifests(Change& change, const Uses& uses, Time now) {
  size_t dead = 0;
  for (const NamedManifest& manifest : uses.manifests) {
    if (rules_.is_mirror(manifest.repository.route)) continue;
    const auto collected = collect_manifest(change, manifest, now);
    if (!collected) return collected;
    dead += *collected;
  }
  return dead;
}

Result<size_t> References::collect_manifest(Change& change, const RepositoryKey& repository,
                                            const Digest& digest, Time now) {
  const auto record = catalog_.manifest(repository, digest, Reach::disk);
  if (!record) return failure(record.error());
  return *record ? collect_manifest(change, {repository, digest, **record}, now) : 0;
}

// How many: one if it is dead, none else.
Result<size_t> References::collect_manifest(Change& change, const NamedManifest& manifest, Time now) {
  const auto alive = is_alive(catalog_, manifest);
  if (!alive) return failure(alive.error());
  if (*alive) return 0;
  if (manifest.record.kept_until > now) {
    change.batch().put_review(manifest.record.kept_until, manifest.digest);
    return 0;
  }
  if (auto deleted = change.delete_manifest(manifest); !deleted) return failure(deleted.error());
  log_.debug("manifest_collected",
             {{"repository", manifest.repository.repository}, {"digest", manifest.digest.text()}});
  return 1;
}

// Deletes links of registries whose repository needs the blob no more. If no repository needs the blob, it
// goes into the trash. If only a mirror needs the blob, the mirror takes it over; without room in the
// mirror's bound the blob goes too.
Result<References::Reviewed> References::collect_blob(Change& change, const Digest& digest, const Uses& uses,
                                                      const TakeRoom& take_room) {
  std::set<RepositoryKey> needing(uses.needing.begin(), uses.needing.end());
  for (const RepositoryKey& repository : uses.links) {
    const auto manifest = catalog_.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest || rules_.is_mirror(repository.route)) {
      needing.insert(repository);
    } else if (!needing.contains(repository)) {
      change.batch().delete_link(digest, repository);
    }
  }
  bool is_needed_here = false;
  std::optional<std::string> mirror;
  for (const RepositoryKey& repository : needing) {
    if (rules_.is_mirror(repository.route)) mirror = repository.route;
    if (!rules_.is_mirror(repository.route)) is_needed_here = true;
  }
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  const bool is_ours = *record && (!rules_.is_mirror((*record)->route) || (*record)->route.empty());
  Reviewed reviewed;
  if (is_needed_here || !is_ours) {
    if (auto written = write(change); !written) return failure(written.error());
    return reviewed;
  }
  if (mirror && take_room(**record, *mirror)) {
    BlobRecord given = **record;
    given.route = *mirror;
    change.batch().put_blob(digest, given, *record);
    if (auto written = write(change); !written) return failure(written.error());
    reviewed.given_to = *mirror;
    return reviewed;
  }
  const auto pinned = mirror ? is_pinned(catalog_, pins_, digest) : Result<bool>(false);
  if (!pinned) return failure(pinned.error());
  if (*pinned) {
    // The mirror may have room for it later. Until then the registry pays.
    change.batch().put_review(next_round(clock_.now(), rules_.lease()), digest);
    if (auto written = write(change); !written) return failure(written.error());
    reviewed.is_postponed = true;
    return reviewed;
  }
  return trash_blob(change, digest, **record, uses);
}

Result<References::Reviewed> References::trash_blob(Change& change, const Digest& digest,
                                                    const BlobRecord& record, const Uses& uses) {
  if (auto deleted = change.delete_from_mirrors(digest, uses); !deleted) return failure(deleted.error());
  const auto trashed = files_.trash(digest);
  if (!trashed && trashed.error().kind != Error::Kind::not_found) return failure(trashed.error());
  change.batch().delete_blob(digest, record);
  if (auto written = write(change); !written) {
    if (trashed && !files_.restore(digest)) mark_.forgo();
    return failure(written.error());
  }
  log_.debug("blob_collected", {{"digest", digest.text()}, {"bytes", static_cast<int64_t>(record.size)}});
  Reviewed reviewed;
  reviewed.blob = Trashed{digest, record.route, record.size};
  return reviewed;
}

Result<> References::note_lost(const DigestLock&, const Digest& digest,
                               const std::optional<BlobRecord>& record) {
  const Lock lock(mutex_);
  if (auto deleted = delete_record(digest, record); !deleted) return deleted;
  // The blob is gone, whatever comes of this: the scrub will find what is missing, too.
  const auto missing = is_missing(catalog_, rules_, digest);
  const auto noted = missing && *missing ? broken_.note({Broken::Thing::Kind::missing, digest}) : missing;
  if (!noted) log_.error("broken_not_noted", {{"digest", digest.text()}, {"error", noted.error().message}});
  return {};
}

// --- mending

Result<bool> References::note_missing(const Digest& digest) {
  const Lock lock(mutex_);
  auto missing = is_missing(catalog_, rules_, digest);
  if (!missing || !*missing) return missing;
  return broken_.note({Broken::Thing::Kind::missing, digest});
}

Result<bool> References::note_dangling(const TagOf& tag) {
  const Lock lock(mutex_);
  auto dangling = is_dangling(catalog_, tag);
  if (!dangling || !*dangling) return dangling;
  return broken_.note({Broken::Thing::Kind::dangling, tag.record.digest, tag});
}

Result<bool> References::note_unreadable(const Digest& digest) {
  const Lock lock(mutex_);
  auto needed = is_needed_by_registry(catalog_, rules_, digest);
  if (!needed || !*needed) return needed;
  return broken_.note({Broken::Thing::Kind::unreadable, digest});
}

Result<bool> References::add_edge(const RepositoryKey& repository, const Digest& parent, const Digest& child,
                                  const EdgeRecord& edge) {
  const Lock lock(mutex_);
  const auto manifest = catalog_.manifest(repository, parent, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return false;
  const auto known = catalog_.children(repository, parent);
  if (!known) return failure(known.error());
  if (std::find(known->begin(), known->end(), child) != known->end()) return false;
  Change change = begin();
  change.batch().put_edge(child, repository, parent, edge);
  if (auto written = write(change); !written) return failure(written.error());
  log_.error("edge_mended", {{"route", repository.route},
                             {"repository", repository.repository},
                             {"parent", parent.text()},
                             {"child", child.text()}});
  return true;
}

Result<bool> References::note_lacking(const Edge& edge, std::span<const ChildManifest> adopted) {
  const Lock lock(mutex_);
  auto lacks = lacks_manifest(catalog_, edge);
  if (!lacks || !*lacks) return lacks;
  const auto missing = missing_of(edge.repository, nullptr, adopted);
  if (!missing && missing.error().kind != Error::Kind::invalid) return failure(missing.error());
  if (adopted.empty() || !missing || !missing->empty())
    return broken_.note({Broken::Thing::Kind::lacking, edge.child, std::nullopt, {}, edge});
  Change change = begin();
  std::vector<Digest> needed;
  for (const ChildManifest& child : adopted) {
    if (auto done = adopt(change, edge.repository, child, needed); !done) return failure(done.error());
  }
  if (auto written = write(change); !written) return failure(written.error());
  log_.warning("manifest_adopted", {{"route", edge.repository.route},
                                    {"repository", edge.repository.repository},
                                    {"digest", edge.child.text()},
                                    {"parent", edge.parent.text()}});
  return true;
}

Result<bool> References::delete_stray_edge(const Edge& edge) {
  const Lock lock(mutex_);
  const auto manifest = catalog_.manifest(edge.repository, edge.parent, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (*manifest) return false;
  Change change = begin();
  change.batch().delete_edge(edge.child, edge.repository, edge.parent);
  if (auto queued = change.review_soon(edge.repository, edge.child); !queued) return failure(queued.error());
  if (auto written = write(change); !written) return failure(written.error());
  log_.error("edge_deleted", {{"route", edge.repository.route},
                              {"repository", edge.repository.repository},
                              {"parent", edge.parent.text()},
                              {"child", edge.child.text()}});
  return true;
}

Result<bool> References::delete_stray_link(const LinkOf& link) {
  const Lock lock(mutex_);
  const auto record = catalog_.blob(link.digest, Reach::disk);
  if (!record) return failure(record.error());
  auto linked = catalog_.has_link(link.digest, link.repository, Reach::disk);
  if (!linked) return linked;
  const auto manifest = catalog_.manifest(link.repository, link.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  const auto parent = catalog_.parent_in(link.digest, link.repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (*record || !*linked || *manifest || *parent) return false;
  Change change = begin();
  change.batch().delete_link(link.digest, link.repository);
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<> References::review_broken() {
  for (const BrokenThing& thing : broken_.things()) {
    const Lock lock(mutex_);
    const auto broken = is_broken(thing);
    if (!broken) return failure(broken.error());
    if (!*broken) broken_.remove(thing);
  }
  return {};
}

Result<bool> References::is_broken(const BrokenThing& thing) {
  if (thing.kind == Broken::Thing::Kind::missing) return is_missing(catalog_, rules_, thing.digest);
  if (thing.kind == Broken::Thing::Kind::dangling) return is_dangling(catalog_, *thing.tag);
  if (thing.kind == Broken::Thing::Kind::lacking) return lacks_manifest(catalog_, *thing.edge);
  const auto record = catalog_.blob(thing.digest, Reach::disk);
  if (!record) return failure(record.error());
  return record->has_value();  // whether its bytes can be read again, the scrub will say
}

}  // namespace breakwater::store
