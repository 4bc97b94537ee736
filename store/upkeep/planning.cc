#include "store/upkeep/planning.h"

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
#include "store/references/pins.h"
#include "store/references/route_rules.h"
#include "store/upkeep/cache_tags.h"
#include "store/upkeep/forgetting.h"
#include "store/upkeep/registry_eviction.h"
#include "store/upkeep/under.h"

namespace breakwater::store {
namespace {

constexpr size_t kItemsMax = 10'000;
constexpr size_t kReviewsAtOnce = 1000;
constexpr size_t kRepositoriesAtOnce = 1000;

// Puts a plan together.
class Planner {
 public:
  Planner(const Parts& parts, const IdlePartials& partials, const std::stop_token& stop)
      : parts_(parts), partials_(partials), stop_(stop), now_(parts.clock.now()) {}

  Result<Plan> plan() {
    for (const auto& [route, policies] : parts_.rules.retention()) {
      if (auto added = add_expired(route); !added) return failure(added.error());
    }
    if (auto added = add_dead(); !added) return failure(added.error());
    for (Planned& item : later_) {
      if (auto going = go_on(); !going) return failure(going.error());
      if (auto told = tell_under(item); !told) return failure(told.error());
      add(std::move(item));
    }
    if (auto added = add_partials(); !added) return failure(added.error());
    for (const auto& [route, use] : parts_.budget.routes()) {
      if (auto added = add_evictable(route); !added) return failure(added.error());
    }
    if (auto added = add_left(); !added) return failure(added.error());
    return std::move(plan_);
  }

 private:
  Result<> go_on() const {
    if (stop_.stop_requested()) return failure(Error::Kind::conflict, "stopped before all was looked at");
    return {};
  }
  bool is_full() const { return plan_.items.size() >= kItemsMax; }
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
        if (auto going = go_on(); !going) return going;
        if (auto added = add_expired(RepositoryKey{route, name}); !added) return added;
      }
      last = names->back();
    }
    return {};
  }

  Result<> add_expired(const RepositoryKey& repository) {
    const RetentionPolicy& policy = parts_.rules.policy_for(repository);
    const auto tags = judged_tags(parts_.catalog, parts_.pins, repository, policy);
    if (!tags) return failure(tags.error());
    const Time::duration lease = parts_.rules.lease();
    for (const ExpiredTag& tag : expired_tags(policy, *tags, lease, now_)) {
      if (auto going = go_on(); !going) return going;
      if (auto added = add_tag(repository, tag, std::nullopt); !added) return added;
    }
    // Then the tags that will expire later, if no push comes before.
    for (const ExpiredTag& tag : expired_tags(policy, *tags, lease, Time::max())) {
      if (tag.since <= now_ || later_.size() >= kItemsMax) continue;
      Planned item = planned_tag(repository, tag, parts_.clock.to_wall(tag.since));
      item.reason = tag.is_orphan ? "what it belongs to is not here" : "keep_for";
      later_.push_back(std::move(item));
    }
    return {};
  }

  static Planned planned_tag(const RepositoryKey& repository, const ExpiredTag& tag,
                             std::optional<Time> when) {
    Planned item{Planned::Kind::tag, when, repository, tag.tag, tag.reason};
    item.cause = tag.is_orphan ? Planned::Cause::orphan : Planned::Cause::policy;
    item.since = tag.tag.record.set_at;
    return item;
  }
  Result<> add_tag(const RepositoryKey& repository, const ExpiredTag& tag, std::optional<Time> when) {
    Planned item = planned_tag(repository, tag, when);
    if (auto told = tell_under(item); !told) return told;
    add(std::move(item));
    return {};
  }
  Result<> tell_under(Planned& item) {
    return under_.add(item.repository, item.tag->record.digest, item.tag->tag, item);
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
        if (auto going = go_on(); !going) return going;
        if (told.contains(review.digest)) continue;
        const auto until = dead_after(review);
        if (!until) return failure(until.error());
        if (!*until) continue;
        told.insert(review.digest);
        auto item = dead(review.digest);
        if (!item) return failure(item.error());
        if (**until > now_) item->when = parts_.clock.to_wall(**until);
        const std::optional<Time> when = item->when;
        add(*std::move(item));
        if (auto added = add_belonging(review.digest, when); !added) return added;
      }
    }
    return {};
  }

  Result<Planned> dead(const Digest& digest) {
    Planned item{Planned::Kind::digest};
    item.digest = digest;
    const auto record = parts_.catalog.blob(digest, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) item.since = parts_.clock.to_wall((*record)->stored_at);
    if (*record) item.bytes = on_disk((*record)->size);
    const auto manifests = parts_.catalog.by_digest().manifests_of(digest);
    if (!manifests) return failure(manifests.error());
    for (const NamedManifest& manifest : *manifests) {
      if (parts_.rules.is_mirror(manifest.repository.route)) continue;
      item.is_manifest = true;
      item.repository = manifest.repository;
      item.since = manifest.record.pushed_at;
      if (auto told = under_.add(manifest.repository, digest, {}, item); !told) return failure(told.error());
      return item;
    }
    const auto links = parts_.catalog.by_digest().links(digest, 1);
    if (!links) return failure(links.error());
    if (!links->empty()) item.repository = links->front();
    return item;
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
        if (parts_.pins.covers_tag(manifest.repository, tag.tag)) continue;
        Planned item{Planned::Kind::tag, when, manifest.repository, tag, "belongs to " + digest.text()};
        item.cause = Planned::Cause::belonging;
        item.since = tag.record.set_at;
        if (auto told = tell_under(item); !told) return told;
        add(std::move(item));
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
      item.id = id;
      item.bytes = on_disk(partial.bytes);
      item.since = parts_.clock.to_wall(partial.modified);
      item.is_abandoned = partial.is_abandoned;
      if (!parts_.rules.is_mirror(partial.route)) {
        const auto record = parts_.catalog.upload(id, Reach::disk);
        if (!record) return failure(record.error());
        item.kind = Planned::Kind::upload;
        if (*record && (*record)->begun_at != Time()) item.since = parts_.clock.to_wall((*record)->begun_at);
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
    auto tags =
        cache_tags(parts_.catalog, parts_.rules, parts_.pins, route, [](const Digest&) { return true; });
    if (!tags) return failure(tags.error());
    for (CacheTag& tag : *tags) {
      if (auto going = go_on(); !going) return going;
      Planned item{Planned::Kind::cache, std::nullopt, std::move(tag.repository), std::move(tag.tag)};
      item.used_at = parts_.clock.to_wall(tag.used_at);
      item.since = item.tag->record.set_at;
      if (auto told = tell_under(item); !told) return told;
      add(std::move(item));
    }
    return {};
  }

  const Parts& parts_;
  const IdlePartials& partials_;
  const std::stop_token& stop_;
  const Time now_;
  WhatIsUnder under_{parts_.catalog};
  Plan plan_;
  std::vector<Planned> later_;
};

}  // namespace

Result<Plan> plan(const Parts& parts, const IdlePartials& partials, const std::stop_token& stop) {
  return Planner(parts, partials, stop).plan();
}

}  // namespace breakwater::store
