#include "store/upkeep/explaining.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/base/disk.h"
#include "store/blobs/idle_partials.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/dependents.h"
#include "store/references/leases.h"
#include "store/references/liveness.h"
#include "store/references/manifest_content.h"
#include "store/references/route_rules.h"
#include "store/upkeep/cache_tags.h"
#include "store/upkeep/forgetting.h"
#include "store/upkeep/registry_eviction.h"

namespace breakwater::store {
namespace {

constexpr size_t kAnswersMax = 10'000;
constexpr size_t kReviewsAtOnce = 1000;
constexpr size_t kRepositoriesAtOnce = 1000;

TagStanding standing_of(const Parts& parts, const RepositoryKey& repository, const NamedTag& tag) {
  const RetentionPolicy& policy = parts.rules.policy_for(repository);
  if (parts.rules.is_mirror(repository.route)) return {};
  if (is_protected(policy, tag.tag)) return {TagStanding::Kind::protected_};
  const auto judged = judge(parts.catalog, repository, tag);
  const auto named = named_subject(parts.catalog, repository, tag.tag);
  if (!judged || !named) return {};
  if (*named || (judged->subject && lets_any_go(policy)))
    return {TagStanding::Kind::follows, judged->subject};
  if (judged->depends && lets_any_go(policy))
    return {TagStanding::Kind::orphan, {}, parts.clock.to_wall(tag.record.pushed() + parts.rules.lease())};
  return {is_cache(policy, tag.tag) ? TagStanding::Kind::cache : TagStanding::Kind::plain};
}

// As a person reads it.
std::optional<BlobRecord> shown(const StoreClock& clock, std::optional<BlobRecord> record) {
  if (!record) return record;
  record->stored_at = clock.to_wall(record->stored_at);
  record->used_at = clock.to_wall(record->used_at);
  return record;
}

// When the last review of a digest is due; nothing if none is queued.
Result<std::optional<Time>> last_review(const Catalog& catalog, const Digest& digest) {
  std::optional<Time> found;
  for (std::optional<Review> last;;) {
    const auto reviews = catalog.queues().reviews(Time::max(), kReviewsAtOnce, last);
    if (!reviews) return failure(reviews.error());
    if (reviews->empty()) return found;
    last = reviews->back();
    for (const Review& review : *reviews) {
      if (review.digest == digest) found = review.review_after;
    }
  }
}

// The repositories that may serve a digest, by a link or through a manifest.
Result<std::set<RepositoryKey>> repositories_of(const Catalog& catalog, const Digest& digest) {
  const auto uses = uses_of(catalog, digest);
  if (!uses) return failure(uses.error());
  std::set<RepositoryKey> repositories(uses->links.begin(), uses->links.end());
  repositories.insert(uses->needing.begin(), uses->needing.end());
  return repositories;
}

// Goes from one digest up to the tags, within each repository.
class Explainer {
 public:
  explicit Explainer(const Parts& parts) : parts_(parts) {}

  // `level` manifests are between the digest and the one that was asked about, for which it is 0. What refers
  // to what refers to something may go on for ever, so it is told as far as what is in an index.
  Result<std::vector<Reason>> reasons(const RepositoryKey& repository, const Digest& digest, int level) {
    const bool is_asked = level == 0;
    std::vector<Reason> found;
    if (level > kManifestLevelsMax + 1) return std::vector<Reason>{{Reason::Kind::more}};
    if (told_.size() >= kAnswersMax || !told_.emplace(repository, digest).second) return found;
    const auto tags = parts_.catalog.tags_of(repository, digest);
    if (!tags) return failure(tags.error());
    for (const std::string& tag : *tags) {
      const auto record = parts_.catalog.tag(repository, tag, Reach::disk);
      if (!record) return failure(record.error());
      if (!*record) continue;
      found.push_back({Reason::Kind::tag, tag, standing_of(parts_, repository, {tag, **record})});
    }
    if (auto added = add_parents(repository, digest, level, found); !added) return failure(added.error());
    const auto manifest = parts_.catalog.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest && (*manifest)->subject) {
      auto because = reasons(repository, *(*manifest)->subject, level + 1);
      if (!because) return because;
      found.push_back({Reason::Kind::subject, {}, {}, (*manifest)->subject, {}, *std::move(because)});
    }
    const Time leased = parts_.leases.until(digest);
    if (!is_asked && leased > parts_.clock.now())
      found.push_back({Reason::Kind::lease, {}, {}, {}, parts_.clock.to_wall(leased)});
    if (!found.empty()) return found;
    const auto last = last_reason(repository, digest, *manifest);
    if (!last) return failure(last.error());
    found.push_back(*last);
    return found;
  }

 private:
  Result<> add_parents(const RepositoryKey& repository, const Digest& digest, int level,
                       std::vector<Reason>& found) {
    const auto parents = parts_.catalog.by_digest().parents(digest);
    if (!parents) return failure(parents.error());
    for (const Parent& parent : *parents) {
      if (parent.repository != repository) continue;
      auto because = reasons(repository, parent.parent, level + 1);
      if (!because) return failure(because.error());
      found.push_back({Reason::Kind::parent, {}, {}, parent.parent, {}, *std::move(because)});
    }
    return {};
  }

  // Where nothing names it.
  Result<Reason> last_reason(const RepositoryKey& repository, const Digest& digest,
                             const std::optional<ManifestRecord>& manifest) {
    if (parts_.rules.is_mirror(repository.route)) return Reason{Reason::Kind::mirror};
    const auto review_after = last_review(parts_.catalog, digest);
    if (!review_after) return failure(review_after.error());
    const Time now = parts_.clock.now(), leased = parts_.leases.until(digest);
    const Time until = std::max(review_after->value_or(Time()), manifest ? manifest->kept_until : Time());
    const bool is_promised = manifest && parts_.rules.policy_for(repository).untagged_after;
    if (is_promised && until > std::max(now, leased))
      return Reason{Reason::Kind::promise, {}, {}, {}, parts_.clock.to_wall(until)};
    if (leased > now) return Reason{Reason::Kind::lease_only};
    return Reason{Reason::Kind::nothing, {}, {}, {}, until > now ? parts_.clock.to_wall(until) : Time()};
  }

  const Parts& parts_;
  std::set<std::pair<RepositoryKey, Digest>> told_;
};

// Puts a plan together.
class Planner {
 public:
  Planner(const Parts& parts, const IdlePartials& partials)
      : parts_(parts), partials_(partials), now_(parts.clock.now()) {}

  Result<Plan> plan() {
    for (const auto& [route, policies] : parts_.rules.retention()) {
      if (auto added = add_expired(route); !added) return failure(added.error());
    }
    if (auto added = add_dead(); !added) return failure(added.error());
    for (Planned& item : later_) add(std::move(item));
    if (auto added = add_partials(); !added) return failure(added.error());
    for (const auto& [route, use] : parts_.budget.routes()) {
      if (auto added = add_evictable(route); !added) return failure(added.error());
    }
    if (auto added = add_left(); !added) return failure(added.error());
    return std::move(plan_);
  }

 private:
  bool is_full() const { return plan_.items.size() >= kAnswersMax; }
  void add(Planned item) {
    if (!is_full()) plan_.items.push_back(std::move(item));
    if (is_full()) plan_.is_cut = true;
  }

  Result<> add_expired(const std::string& route) {
    for (std::string last; !is_full();) {
      const auto names = parts_.catalog.repositories(route, last, kRepositoriesAtOnce);
      if (!names) return failure(names.error());
      if (names->empty()) break;
      for (const std::string& name : *names) {
        if (auto added = add_expired(RepositoryKey{route, name}); !added) return added;
      }
      last = names->back();
    }
    return {};
  }

  Result<> add_expired(const RepositoryKey& repository) {
    const RetentionPolicy& policy = parts_.rules.policy_for(repository);
    const auto tags = judged_tags(parts_.catalog, repository, policy);
    if (!tags) return failure(tags.error());
    const Time::duration lease = parts_.rules.lease();
    for (const ExpiredTag& tag : expired_tags(policy, *tags, lease, now_)) {
      add({Planned::Kind::tag, std::nullopt, repository, tag.tag, tag.reason});
    }
    // Then the tags that will expire later, if no push comes before.
    for (const ExpiredTag& tag : expired_tags(policy, *tags, lease, Time::max())) {
      if (tag.since <= now_ || later_.size() >= kAnswersMax) continue;
      const std::string reason = tag.is_orphan ? "what it belongs to is not here" : "keep_for";
      later_.push_back({Planned::Kind::tag, parts_.clock.to_wall(tag.since), repository, tag.tag, reason});
    }
    return {};
  }

  // What is in the review queue and dead.
  Result<> add_dead() {
    std::set<Digest> told;
    std::optional<Review> last;
    while (!is_full()) {
      const auto reviews = parts_.catalog.queues().reviews(Time::max(), kReviewsAtOnce, last);
      if (!reviews) return failure(reviews.error());
      if (reviews->empty()) return {};
      last = reviews->back();
      for (const Review& review : *reviews) {
        if (told.contains(review.digest)) continue;
        const auto until = dead_after(review);
        if (!until) return failure(until.error());
        if (!*until) continue;
        told.insert(review.digest);
        Planned item{Planned::Kind::digest};
        item.digest = review.digest;
        if (**until > now_) item.when = parts_.clock.to_wall(**until);
        const std::optional<Time> when = item.when;
        add(std::move(item));
        if (auto added = add_belonging(review.digest, when); !added) return added;
      }
    }
    return {};
  }

  // The tags that go with a manifest.
  Result<> add_belonging(const Digest& digest, const std::optional<Time>& when) {
    const auto manifests = parts_.catalog.by_digest().manifests_of(digest);
    if (!manifests) return failure(manifests.error());
    for (const NamedManifest& manifest : *manifests) {
      if (parts_.rules.is_mirror(manifest.repository.route)) continue;
      const auto tags = tags_belonging_to(parts_.catalog, manifest.repository, digest);
      if (!tags) return failure(tags.error());
      for (const NamedTag& tag : *tags) {
        if (is_protected(parts_.rules.policy_for(manifest.repository), tag.tag)) continue;
        add({Planned::Kind::tag, when, manifest.repository, tag, "belongs to " + digest.text()});
      }
    }
    return {};
  }

  // When the digest goes; nothing if it is needed, or is gone already.
  Result<std::optional<Time>> dead_after(const Review& review) {
    const auto needed = is_needed(parts_.catalog, review.digest);
    if (!needed) return failure(needed.error());
    if (*needed) return std::nullopt;
    const auto record = parts_.catalog.blob(review.digest, Reach::disk);
    if (!record) return failure(record.error());
    const auto links = parts_.catalog.by_digest().links(review.digest);
    if (!links) return failure(links.error());
    const auto manifests = parts_.catalog.by_digest().manifests_of(review.digest);
    if (!manifests) return failure(manifests.error());
    if (!*record && links->empty() && manifests->empty()) return std::nullopt;
    Time until = std::max(review.review_after, parts_.leases.until(review.digest));
    for (const NamedManifest& manifest : *manifests) until = std::max(until, manifest.record.kept_until);
    return until;
  }

  // In the order in which they go.
  Result<> add_partials() {
    std::vector<Planned> idle;
    for (const auto& [id, partial] : partials_.list()) {
      Planned item{Planned::Kind::fill};
      item.route = partial.route;
      item.bytes = on_disk(partial.bytes);
      item.is_abandoned = partial.is_abandoned;
      if (!parts_.rules.is_mirror(partial.route)) {
        const auto record = parts_.catalog.upload(id, Reach::disk);
        if (!record) return failure(record.error());
        item.kind = Planned::Kind::upload;
        item.repository = {partial.route, *record ? (*record)->repository : std::string()};
        item.used_at = parts_.clock.to_wall(partial.modified);
        const Time until = partial.modified + upload_kept_for(parts_.rules);
        if (!partial.is_abandoned && until > now_) item.when = parts_.clock.to_wall(until);
      }
      idle.push_back(std::move(item));
    }
    std::stable_sort(idle.begin(), idle.end(), [](const Planned& a, const Planned& b) {
      return std::pair(!a.is_abandoned, a.used_at) < std::pair(!b.is_abandoned, b.used_at);
    });
    for (Planned& item : idle) add(std::move(item));
    return {};
  }

  Result<> add_left() {
    const auto left = left_routes(parts_);
    if (!left) return failure(left.error());
    for (const auto& [route, bytes] : *left) {
      Planned item{Planned::Kind::left};
      item.route = route;
      item.bytes = bytes;
      add(std::move(item));
    }
    return {};
  }

  Result<> add_evictable(const std::string& route) {
    if (parts_.rules.is_mirror(route)) {
      Planned item{Planned::Kind::mirror};
      item.route = route;
      item.bytes = parts_.budget.shortage(route, 0).route;
      if (item.bytes > 0) add(std::move(item));
      return {};
    }
    auto tags = cache_tags(parts_.catalog, parts_.rules, route, [](const Digest&) { return true; });
    if (!tags) return failure(tags.error());
    for (CacheTag& tag : *tags) {
      Planned item{Planned::Kind::cache, std::nullopt, std::move(tag.repository), std::move(tag.tag)};
      item.used_at = parts_.clock.to_wall(tag.used_at);
      add(std::move(item));
    }
    return {};
  }

  const Parts& parts_;
  const IdlePartials& partials_;
  const Time now_;
  Plan plan_;
  std::vector<Planned> later_;
};

}  // namespace

Result<Why> why(const Parts& parts, const Digest& digest) {
  const auto record = parts.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  Why answer{digest, shown(parts.clock, *record), std::nullopt, {}};
  if (const Time until = parts.leases.until(digest); until > parts.clock.now())
    answer.leased_until = parts.clock.to_wall(until);
  const auto repositories = repositories_of(parts.catalog, digest);
  if (!repositories) return failure(repositories.error());
  Explainer explainer(parts);
  for (const RepositoryKey& repository : *repositories) {
    auto reasons = explainer.reasons(repository, digest, 0);
    if (!reasons) return failure(reasons.error());
    const auto manifest = parts.catalog.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    std::optional<Time> pushed_at;
    if (*manifest) pushed_at = (*manifest)->pushed_at;
    answer.repositories.push_back({repository, pushed_at, *std::move(reasons)});
  }
  return answer;
}

Result<std::vector<WhyTag>> why(const Parts& parts, const std::string& name, const std::string& tag) {
  std::vector<WhyTag> answers;
  for (const auto& [route, use] : parts.budget.routes()) {
    const RepositoryKey repository{route, name};
    const auto record = parts.catalog.tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) continue;
    auto because = why(parts, (*record)->digest);
    if (!because) return failure(because.error());
    answers.push_back(
        {repository, {tag, **record}, standing_of(parts, repository, {tag, **record}), *std::move(because)});
  }
  if (answers.empty()) return failure(Error::Kind::not_found, "no route has a tag " + name + ":" + tag);
  return answers;
}

Result<Plan> plan(const Parts& parts, const IdlePartials& partials) {
  return Planner(parts, partials).plan();
}

}  // namespace breakwater::store
