#include "store/upkeep/removal_plan.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_keys.h"
#include "store/catalog/catalog_walk.h"
#include "store/references/dependents.h"
#include "store/references/leases.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

using Kept = Removal::Kept;

constexpr size_t kRowsAtOnce = 1000;

// The repositories that each digest leaves.
using Leaving = std::map<Digest, std::vector<RepositoryKey>>;

class Planner;

// One repository: which of its manifests go with the tags that do.
class Within {
 public:
  Within(Planner& planner, const RepositoryKey& repository) : planner_(planner), repository_(repository) {}

  Result<bool> plan();  // false if nothing matches

 private:
  Result<> add_tags();
  Result<> add_tag(NamedTag tag, bool belongs);
  Result<> add_all_manifests();
  Result<> settle();
  Result<> consider(const Digest& digest);
  Result<std::optional<Kept>> keeper_of(const Digest& digest, const ManifestRecord& record);
  Result<std::optional<Digest>> parent_that_stays(const Digest& digest) const;
  Result<> take_along(const Digest& digest);
  Result<> add_blobs();
  Result<> add_blob(const Digest& child);
  Time goes_after(const Digest& digest, const ManifestRecord& record) const;

  Planner& planner_;
  const RepositoryKey& repository_;
  bool has_any_ = false;
  std::set<std::string> tags_;              // that go
  std::map<Digest, ManifestRecord> going_;  // manifests
  std::vector<Digest> order_;               // of these: what needs others first
  std::map<Digest, Kept> blocked_;          // manifests that something keeps as yet
  std::deque<Digest> waiting_;
  std::set<Digest> seen_;  // blobs
};

class Planner {
 public:
  Planner(const Parts& all_parts, const ImagePattern& pattern, size_t things_max, const std::stop_token& stop)
      : parts(all_parts), what(pattern), things_max_(things_max), stop_(stop) {}

  Result<RemovalPlan> plan() {
    removal.is_of_mirror = parts.rules.is_mirror(what.route);
    if (auto added = add_repositories(); !added) return failure(added.error());
    if (what.is_whole() && removal.is_of_mirror) {
      if (auto added = add_bare_links(); !added) return failure(added.error());
    }
    if (stop_.stop_requested()) return failure(Error::Kind::conflict, "stopped before all was looked at");
    if (!has_any_) return failure(Error::Kind::not_found, "nothing here is " + what.text());
    if (auto judged = judge_blobs(); !judged) return failure(judged.error());
    return RemovalPlan{std::move(removal), std::move(links), std::move(stored_)};
  }

  // Takes a place among the things that are remembered.
  bool take_place() {
    if (things_ >= things_max_) removal.is_cut = true;
    if (things_ >= things_max_ || stop_.stop_requested()) return false;
    ++things_;
    return true;
  }
  void keep(Kept kept) {
    ++removal.kept_total;
    if (removal.kept.size() < Removal::kKeptMax) removal.kept.push_back(std::move(kept));
  }
  void note_leaving(const Digest& digest, const RepositoryKey& repository) {
    leaving_[digest].push_back(repository);
    ++removal.links;
  }

  const Parts& parts;
  const ImagePattern& what;
  Removal removal;
  std::vector<LinkOf> links;

 private:
  Result<> add_repository(const RepositoryKey& repository) {
    const auto found = Within(*this, repository).plan();
    if (!found) return failure(found.error());
    has_any_ = has_any_ || *found;
    return {};
  }

  Result<> add_repositories() {
    if (what.names_one_repository()) return add_repository({what.route, what.repository});
    std::string last;
    while (!stop_.stop_requested()) {
      const auto names = parts.catalog.repositories(what.route, last, kRowsAtOnce);
      if (!names) return failure(names.error());
      if (names->empty()) break;
      last = names->back();
      for (const std::string& name : *names) {
        const RepositoryKey repository{what.route, name};
        if (!what.matches(repository)) continue;
        if (auto added = add_repository(repository); !added) return added;
      }
    }
    return {};
  }

  // Blobs of a mirror that none of its manifests names.
  Result<> add_bare_links() {
    const auto skip = [this](const Error& error) {
      parts.log.error("record_malformed", {{"error", error.message}});
    };
    for (std::string position; !stop_.stop_requested();) {
      const auto some = parts.catalog.walk().next_links(position, kRowsAtOnce, skip);
      if (!some) return failure(some.error());
      for (const LinkOf& link : *some) {
        if (!what.matches(link.repository)) continue;
        if (auto added = add_bare_link(link); !added) return added;
      }
      if (some->size() < kRowsAtOnce) break;
    }
    return {};
  }

  Result<> add_bare_link(const LinkOf& link) {
    has_any_ = true;
    const auto known = leaving_.find(link.digest);
    if (known != leaving_.end() && contains(known->second, link.repository)) return {};
    const auto manifest = parts.catalog.manifest(link.repository, link.digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    const auto parents = parts.catalog.parents_in(link.digest, link.repository, std::nullopt, 1);
    if (!parents) return failure(parents.error());
    if (*manifest || !parents->empty()) return {};
    const auto pinned = is_pinned_in(parts.catalog, parts.pins, link.repository, link.digest);
    if (!pinned) return failure(pinned.error());
    if (*pinned) {
      keep({Kept::Kind::blob, link.repository, {}, link.digest});
      return {};
    }
    if (!take_place()) return {};
    links.push_back(link);
    note_leaving(link.digest, link.repository);
    return {};
  }

  static bool contains(const std::vector<RepositoryKey>& repositories, const RepositoryKey& one) {
    return std::find(repositories.begin(), repositories.end(), one) != repositories.end();
  }

  // Which of the blobs that leave a repository leave the disk.
  Result<> judge_blobs() {
    for (const auto& [digest, repositories] : leaving_) {
      const auto record = parts.catalog.blob(digest, Reach::disk);
      if (!record) return failure(record.error());
      if (!*record) continue;
      const uint64_t bytes = on_disk((*record)->size);
      stored_.push_back({digest, bytes});
      const auto other = other_holder(digest, repositories);
      if (!other) return failure(other.error());
      if (*other) {
        Kept kept{Kept::Kind::blob, repositories.front(), {}, digest, Kept::By::repository};
        kept.other = **other;
        kept.bytes = bytes;
        keep(std::move(kept));
        continue;
      }
      // What a registry has given up and pays for still is the collector's.
      if (removal.is_of_mirror && !parts.rules.is_mirror((*record)->route)) continue;
      removal.blobs.push_back({digest, bytes});
      removal.bytes += bytes;
    }
    return {};
  }

  Result<std::optional<RepositoryKey>> other_holder(const Digest& digest,
                                                    const std::vector<RepositoryKey>& leaving) const {
    const auto uses = uses_of(parts.catalog, digest, leaving.size() + 1);
    if (!uses) return failure(uses.error());
    for (const auto* repositories : {&uses->links, &uses->needing}) {
      for (const RepositoryKey& repository : *repositories) {
        if (!contains(leaving, repository)) return repository;
      }
    }
    return std::nullopt;
  }

  const size_t things_max_;
  const std::stop_token& stop_;
  size_t things_ = 0;
  bool has_any_ = false;
  Leaving leaving_;
  std::vector<Removal::Blob> stored_;
};

Result<bool> Within::plan() {
  const ImagePattern& what = planner_.what;
  if (auto added = add_tags(); !added) return failure(added.error());
  if (what.digest) {
    const auto manifest = planner_.parts.catalog.manifest(repository_, *what.digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    has_any_ = has_any_ || *manifest;
    waiting_.push_back(*what.digest);
  }
  if (what.is_whole()) {
    if (auto added = add_all_manifests(); !added) return failure(added.error());
  }
  if (auto settled = settle(); !settled) return failure(settled.error());
  for (auto& [digest, kept] : blocked_) planner_.keep(std::move(kept));
  if (auto added = add_blobs(); !added) return failure(added.error());
  return has_any_;
}

Result<> Within::add_tags() {
  const Catalog& catalog = planner_.parts.catalog;
  const ImagePattern& what = planner_.what;
  if (what.digest) {
    const auto names = catalog.tags_of(repository_, *what.digest);
    if (!names) return failure(names.error());
    for (const std::string& name : *names) {
      const auto record = catalog.tag(repository_, name, Reach::disk);
      if (!record) return failure(record.error());
      auto added = *record ? add_tag({name, **record}, false) : Result<>();
      if (!added) return added;
    }
    return {};
  }
  std::string last;
  for (size_t named = kRowsAtOnce; named == kRowsAtOnce;) {
    const auto tags = catalog.tags(repository_, last, kRowsAtOnce);
    if (!tags) return failure(tags.error());
    named = tags->size();
    for (const NamedTag& tag : *tags) {
      last = tag.tag;
      auto added = what.matches_tag(tag.tag) ? add_tag(tag, false) : Result<>();
      if (!added) return added;
    }
  }
  return {};
}

Result<> Within::add_tag(NamedTag tag, bool belongs) {
  has_any_ = true;
  if (planner_.parts.pins.covers_tag(repository_, tag.tag)) {
    planner_.keep({Kept::Kind::tag, repository_, tag.tag, tag.record.digest});
    return {};
  }
  if (tags_.contains(tag.tag) || !planner_.take_place()) return {};
  tags_.insert(tag.tag);
  waiting_.push_back(tag.record.digest);
  planner_.removal.tags.push_back({repository_, std::move(tag), belongs});
  return {};
}

Result<> Within::add_all_manifests() {
  const auto skip = [this](const Error& error) {
    planner_.parts.log.error("record_malformed", {{"error", error.message}});
  };
  std::string position = manifest_prefix(repository_);
  for (;;) {
    const auto some = planner_.parts.catalog.walk().next_manifests(position, kRowsAtOnce, skip);
    if (!some) return failure(some.error());
    for (const NamedManifest& manifest : *some) {
      if (manifest.repository != repository_) return {};
      has_any_ = true;
      if (!planner_.take_place()) return {};
      waiting_.push_back(manifest.digest);
    }
    if (some->size() < kRowsAtOnce) return {};
  }
}

Result<> Within::settle() {
  while (!waiting_.empty()) {
    const Digest digest = waiting_.front();
    waiting_.pop_front();
    if (going_.contains(digest)) continue;
    if (auto considered = consider(digest); !considered) return considered;
  }
  return {};
}

Result<> Within::consider(const Digest& digest) {
  const auto record = planner_.parts.catalog.manifest(repository_, digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return {};
  auto keeper = keeper_of(digest, **record);
  if (!keeper) return failure(keeper.error());
  if (*keeper) {
    blocked_.insert_or_assign(digest, **std::move(keeper));
    return {};
  }
  if (!planner_.take_place()) return {};
  blocked_.erase(digest);
  going_.emplace(digest, **record);
  order_.push_back(digest);
  Removal::Manifest manifest{repository_, digest, (*record)->media_type, (*record)->size};
  if (!planner_.removal.is_of_mirror) manifest.goes_after = goes_after(digest, **record);
  planner_.removal.manifests.push_back(std::move(manifest));
  return take_along(digest);
}

// What keeps the manifest, if anything does: in the end, or until that goes too.
Result<std::optional<Kept>> Within::keeper_of(const Digest& digest, const ManifestRecord& record) {
  const Parts& parts = planner_.parts;
  Kept kept{Kept::Kind::manifest, repository_, {}, digest};
  const auto pinned = is_pinned_in(parts.catalog, parts.pins, repository_, digest);
  if (!pinned) return failure(pinned.error());
  if (*pinned) return kept;
  const auto tags = parts.catalog.tags_of(repository_, digest);
  if (!tags) return failure(tags.error());
  for (const std::string& tag : *tags) {
    if (tags_.contains(tag)) continue;
    kept.by = Kept::By::tag;
    kept.name = tag;
    return kept;
  }
  const auto parent = parent_that_stays(digest);
  if (!parent) return failure(parent.error());
  if (*parent) {
    kept.by = Kept::By::manifest;
    kept.by_digest = *parent;
    return kept;
  }
  if (!record.subject || going_.contains(*record.subject)) return std::nullopt;
  const auto subject = parts.catalog.manifest(repository_, *record.subject, Reach::disk);
  if (!subject) return failure(subject.error());
  if (!*subject) return std::nullopt;
  kept.by = Kept::By::subject;
  kept.by_digest = record.subject;
  return kept;
}

Result<std::optional<Digest>> Within::parent_that_stays(const Digest& digest) const {
  std::optional<Digest> last;
  for (;;) {
    const auto parents = planner_.parts.catalog.parents_in(digest, repository_, last, kRowsAtOnce);
    if (!parents) return failure(parents.error());
    for (const Digest& parent : *parents) {
      if (!going_.contains(parent)) return parent;
    }
    if (parents->size() < kRowsAtOnce) return std::nullopt;
    last = parents->back();
  }
}

// What may go now that the manifest does.
Result<> Within::take_along(const Digest& digest) {
  const Catalog& catalog = planner_.parts.catalog;
  const auto children = catalog.children(repository_, digest);
  if (!children) return failure(children.error());
  waiting_.insert(waiting_.end(), children->begin(), children->end());
  const auto referrers = catalog.referrer_digests(repository_, digest, std::nullopt, SIZE_MAX);
  if (!referrers) return failure(referrers.error());
  waiting_.insert(waiting_.end(), referrers->begin(), referrers->end());
  if (planner_.removal.is_of_mirror) return {};
  const auto belonging = tags_belonging_to(catalog, repository_, digest);
  if (!belonging) return failure(belonging.error());
  const RetentionPolicy& policy = planner_.parts.rules.policy_for(repository_);
  for (const NamedTag& tag : *belonging) {
    if (is_protected(policy, tag.tag) || tag.record.digest == digest) continue;
    if (auto added = add_tag(tag, true); !added) return added;
  }
  return {};
}

Result<> Within::add_blobs() {
  for (const Digest& manifest : order_) {
    planner_.note_leaving(manifest, repository_);
    const auto children = planner_.parts.catalog.children(repository_, manifest);
    if (!children) return failure(children.error());
    for (const Digest& child : *children) {
      if (going_.contains(child) || blocked_.contains(child) || !seen_.insert(child).second) continue;
      if (auto added = add_blob(child); !added) return added;
    }
  }
  return {};
}

Result<> Within::add_blob(const Digest& child) {
  const Parts& parts = planner_.parts;
  const auto record = parts.catalog.blob(child, Reach::disk);
  if (!record) return failure(record.error());
  const auto stays = parent_that_stays(child);
  if (!stays) return failure(stays.error());
  if (*stays && *record) {
    Kept kept{Kept::Kind::blob, repository_, {}, child, Kept::By::manifest};
    kept.by_digest = *stays;
    kept.bytes = on_disk((*record)->size);
    planner_.keep(std::move(kept));
  }
  if (*stays || !planner_.take_place()) return {};
  // A blob that the mirror has not fetched has no link, and leaves nothing.
  planner_.links.push_back({child, repository_});
  planner_.note_leaving(child, repository_);
  return {};
}

// Of a registry: not before the lease ends, nor before the policy lets go what nothing names.
Time Within::goes_after(const Digest& digest, const ManifestRecord& record) const {
  const Parts& parts = planner_.parts;
  const Time now = parts.clock.now();
  const auto kept = parts.rules.policy_for(repository_).untagged_after.value_or(parts.rules.lease());
  Time until = std::max(parts.leases.until(digest), record.kept_until);
  if (!tags_.empty()) until = std::max(until, now + kept);
  return parts.clock.to_wall(std::max(until, now));
}

}  // namespace

Result<RemovalPlan> RemovalPlan::of(const Parts& parts, const ImagePattern& what, size_t things_max,
                                    const std::stop_token& stop) {
  return Planner(parts, what, things_max, stop).plan();
}

}  // namespace breakwater::store
