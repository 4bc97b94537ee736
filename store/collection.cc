// The part of Store that collects: what nothing refers to any more, and no client relies on, goes.
//
// There is no mark phase. Whatever takes a reference away queues a look at what it referred to; a look
// decides under the locks that those who add references take, so that nothing comes between. What is removed
// may leave others without reference: they are queued in the same batch. A look stays in the catalog until it
// has been done, so a stop at any moment loses none.
#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kRepositoriesAtOnce = 100;  // of one step of retention
constexpr size_t kTagsAtOnce = 2000;

// While this lives nobody can be told that the digest exists.
class Removal {
 public:
  Removal(Leases& leases, const Digest& digest)
      : leases_(leases), digest_(digest), is_begun_(leases.begin_removal(digest)) {}
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;
  ~Removal() {
    if (is_begun_) leases_.end_removal(digest_);
  }
  bool is_begun() const { return is_begun_; }

 private:
  Leases& leases_;
  const Digest& digest_;
  const bool is_begun_;
};

}  // namespace

Result<size_t> Store::collect(size_t looks_max) {
  const std::unique_lock collecting(collecting_, std::try_to_lock);
  if (!collecting) return 0;
  leases_.prune();
  // What has been done leaves its key behind for a while: a pass walks over those once, not in each of its
  // steps.
  const auto queued = catalog_->looks(clock_.now(), looks_max, looked_to_);
  if (!queued) return failure(queued.error());
  looked_to_ = queued->size() < looks_max ? std::nullopt : std::optional(queued->back());
  const auto looks = drop_repeated(*queued);
  if (!looks) return failure(looks.error());
  for (const Look& look : *looks) {
    auto dead = look_at(look, false);
    if (!dead) {
      // One that cannot be decided now must not keep the others waiting.
      log_.error("look_failed", {{"digest", look.digest.text()}, {"error", dead.error().message}});
      if (auto postponed = postpone(look, clock_.now() + settings_.lease); !postponed)
        return failure(postponed.error());
    } else if (*dead) {
      trash_.push_back(**std::move(dead));
    }
  }
  if (auto emptied = empty_trash(); !emptied) return failure(emptied.error());
  return queued->size();
}

// The first of each digest: it does for all that are due. The others leave the queue before it is done, so
// that one queued meanwhile stays.
Result<std::vector<Look>> Store::drop_repeated(const std::vector<Look>& looks) {
  std::set<Digest> seen;
  std::vector<Look> first;
  Catalog::Batch batch;
  for (const Look& look : looks) {
    if (seen.insert(look.digest).second) {
      first.push_back(look);
    } else {
      batch.remove_look(look.due, look.digest);
    }
  }
  if (batch.empty()) return first;
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
    return failure(written.error());
  return first;
}

Result<> Store::postpone(const Look& look, Time until) {
  Catalog::Batch batch;
  batch.remove_look(look.due, look.digest);
  batch.put_look(until, look.digest);
  return catalog_->write(std::move(batch), Durability::buffered);
}

// What went to the trash, if it did. Only leases are kept if `room_is_needed`.
Result<std::optional<Store::Trashed>> Store::look_at(const Look& look, bool room_is_needed) {
  const std::lock_guard lock(change_of(look.digest));
  const std::lock_guard references(references_);
  const auto uses = uses_of(look.digest);
  if (!uses) return failure(uses.error());
  // What no repository may serve, a client who was told of it before cannot use.
  if (uses->empty()) leases_.release(look.digest);
  const Removal removal(leases_, look.digest);
  if (!removal.is_begun()) {
    if (auto postponed = postpone(look, std::max(look.due, leases_.until(look.digest))); !postponed)
      return failure(postponed.error());
    return std::nullopt;
  }
  Catalog::Batch batch;
  batch.remove_look(look.due, look.digest);
  const auto manifests = collect_manifests(batch, look.digest, room_is_needed ? Time::max() : clock_.now());
  if (!manifests) return failure(manifests.error());
  if (*manifests > 0) {
    // Its next look, which this has queued, finds what is left: links and the file.
    if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
      return failure(written.error());
    collected_manifests_ += *manifests;
    return std::nullopt;
  }
  return collect_blob(look.digest, *uses, std::move(batch));
}

Result<Store::Uses> Store::uses_of(const Digest& digest) const {
  auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  auto needing = catalog_->repositories_naming(digest);
  if (!needing) return failure(needing.error());
  return Uses{*std::move(links), *std::move(needing)};
}

// Takes it out of the registries' repositories where it is dead and its time has come by `now`; out of how
// many.
Result<size_t> Store::collect_manifests(Catalog::Batch& batch, const Digest& digest, Time now) {
  const auto manifests = catalog_->manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  size_t dead = 0;
  for (const NamedManifest& manifest : *manifests) {
    if (is_mirror(manifest.repository.route)) continue;
    const auto alive = is_alive(manifest);
    if (!alive) return failure(alive.error());
    if (*alive) continue;
    if (manifest.record.kept_until > now) {
      batch.put_look(manifest.record.kept_until, digest);
      continue;
    }
    if (auto removed = unrefer(batch, manifest); !removed) return failure(removed.error());
    ++dead;
    log_.debug("manifest_collected",
               {{"repository", manifest.repository.repository}, {"digest", digest.text()}});
  }
  return dead;
}

// Tagged, child of a manifest that is here (else its edge would have gone with it), or referrer of one.
Result<bool> Store::is_alive(const NamedManifest& manifest) {
  const auto tags = catalog_->tags_of(manifest.repository, manifest.digest);
  if (!tags) return failure(tags.error());
  if (!tags->empty()) return true;
  const auto parent = catalog_->parent_in(manifest.digest, manifest.repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (*parent) return true;
  if (!manifest.record.subject) return false;
  const auto subject = catalog_->manifest(manifest.repository, *manifest.record.subject, Reach::disk);
  if (!subject) return failure(subject.error());
  return subject->has_value();
}

Result<std::optional<Store::Trashed>> Store::collect_blob(const Digest& digest, const Uses& uses,
                                                          Catalog::Batch batch) {
  const auto users = collect_links(batch, digest, uses);
  if (!users) return failure(users.error());
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  const bool is_ours = *record && (!is_mirror((*record)->route) || (*record)->route.empty());
  if (users->registry || !is_ours) {
    if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
      return failure(written.error());
    return std::nullopt;
  }
  const bool has_room = users->mirror && budget_.shortage(*users->mirror, (*record)->size).route == 0;
  if (has_room) {
    if (auto given = give_to_mirror(*users->mirror, digest, **record, std::move(batch)); !given)
      return failure(given.error());
    return std::nullopt;
  }
  if (auto forgotten = forget_in_mirrors(batch, digest); !forgotten) return failure(forgotten.error());
  const auto trashed = blobs_.trash(digest);
  if (!trashed && trashed.error().kind != Error::Kind::not_found) return failure(trashed.error());
  batch.remove_blob(digest, **record);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) {
    if (trashed && !blobs_.restore(digest)) must_reconcile_ = true;
    return failure(written.error());
  }
  ++collected_blobs_;
  collected_bytes_ += (*record)->size;
  log_.debug("blob_collected", {{"digest", digest.text()}, {"bytes", static_cast<int64_t>((*record)->size)}});
  return Trashed{digest, (*record)->route, (*record)->size};
}

// Removes the links of registries that nothing but the lease has kept, and says who needs the blob still.
Result<Store::Users> Store::collect_links(Catalog::Batch& batch, const Digest& digest, const Uses& uses) {
  std::set<RepositoryKey> needing(uses.needing.begin(), uses.needing.end());
  for (const RepositoryKey& repository : uses.links) {
    const auto manifest = catalog_->manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest || is_mirror(repository.route)) {
      needing.insert(repository);
    } else if (!needing.contains(repository)) {
      batch.remove_link(digest, repository);
    }
  }
  Users users;
  for (const RepositoryKey& repository : needing) {
    if (is_mirror(repository.route)) {
      users.mirror = repository.route;
    } else {
      users.registry = true;
    }
  }
  return users;
}

// A mirror that may serve it as well takes it over, on its own account.
Result<> Store::give_to_mirror(const std::string& route, const Digest& digest, const BlobRecord& record,
                               Catalog::Batch batch) {
  BlobRecord given = record;
  given.route = route;
  batch.put_blob(digest, given, record);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  budget_.release(record.route, record.size);
  budget_.add_stored(route, record.size);
  return {};
}

// Frees the bytes, once it is sure that no power cut brings back a record of them.
Result<> Store::empty_trash() {
  if (trash_.empty()) return {};
  if (auto synced = catalog_->sync(); !synced) return synced;
  while (!trash_.empty()) {
    if (auto emptied = empty(trash_.back()); !emptied) return emptied;
    trash_.pop_back();
  }
  return {};
}

Result<> Store::empty(const Trashed& trashed) {
  auto removed = blobs_.remove_trashed(trashed.digest);
  if (!removed && removed.error().kind != Error::Kind::not_found) {
    must_reconcile_ = true;
    return removed;
  }
  budget_.release(trashed.route, trashed.bytes);
  return {};
}

const RetentionPolicy& Store::policy_for(const RepositoryKey& repository) const {
  const auto policies = settings_.retention.find(repository.route);
  return policy_of(
      policies == settings_.retention.end() ? std::span<const RetentionPolicy>() : policies->second,
      repository.repository);
}

// Until when a manifest stays that nothing names any more, unless room is needed.
Time Store::untagged_until(const RepositoryKey& repository, const Digest& digest) const {
  return std::max(clock_.now() + policy_for(repository).untagged_after.value_or(settings_.lease),
                  leases_.until(digest));
}

// Queues the look at what has no tag from now on. Looks are anybody's, so a promise is noted in the manifest
// too.
Result<> Store::leave_untagged(Catalog::Batch& batch, const RepositoryKey& repository, const Digest& digest) {
  const Time until = untagged_until(repository, digest);
  batch.put_look(until, digest);
  if (!policy_for(repository).untagged_after) return {};
  const auto manifest = catalog_->manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return {};
  ManifestRecord record = **manifest;
  record.kept_until = until;
  batch.put_manifest(repository, digest, record);
  return {};
}

Result<size_t> Store::apply_retention() {
  const std::lock_guard collecting(collecting_);
  size_t removed = 0;
  for (const auto& [route, policies] : settings_.retention) {
    std::string& at = retention_at_[route];
    const auto names = catalog_->repositories(route, at, kRepositoriesAtOnce);
    if (!names) return failure(names.error());
    size_t seen = 0;
    for (const std::string& name : *names) {
      if (seen >= kTagsAtOnce) break;
      const auto tags = catalog_->tags({route, name}, "", SIZE_MAX);
      if (!tags) return failure(tags.error());
      seen += tags->size();
      const RetentionPolicy& policy = policy_of(policies, name);
      std::set<Digest> subjects;
      for (const Digest& subject : subjects_of(policy, *tags)) {
        const auto manifest = catalog_->manifest({route, name}, subject, Reach::disk);
        if (!manifest) return failure(manifest.error());
        if (*manifest) subjects.insert(subject);
      }
      auto expired = expire_tags({route, name}, expired_tags(policy, *tags, subjects, clock_.now()));
      if (!expired) return expired;
      removed += *expired;
      at = name;
    }
    if (names->empty() || (names->size() < kRepositoriesAtOnce && at == names->back())) at.clear();
  }
  return removed;
}

Result<size_t> Store::expire_tags(const RepositoryKey& repository, const std::vector<ExpiredTag>& tags) {
  size_t removed = 0;
  for (const ExpiredTag& tag : tags) {
    const auto gone = remove_unchanged(repository, tag.tag);
    if (!gone) return failure(gone.error());
    if (!*gone) continue;
    log_.info("tag_expired", {{"route", repository.route},
                              {"repository", repository.repository},
                              {"tag", tag.tag.tag},
                              {"reason", tag.reason}});
    ++collected_tags_;
    ++removed;
  }
  return removed;
}

Store::Collected Store::collected() const {
  return {collected_manifests_, collected_blobs_, collected_bytes_, collected_tags_};
}

}  // namespace breakwater::store
