#include "store/upkeep/registry_eviction.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/blobs/idle_partials.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/capacity/disk_bound.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/leases.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/upkeep/cache_tags.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/mirror_eviction.h"

namespace breakwater::store {
namespace {

constexpr size_t kReviewsAtOnce = 64;
// A lease that ends within this is worth waiting for.
constexpr auto kWorthWaitingFor = std::chrono::seconds(10);
// A walk that took longer is not repeated before so many times its length has passed.
constexpr auto kLongWalk = std::chrono::milliseconds(50);
constexpr int kRestAfterWalk = 20;

int64_t seconds_until(Time when, Time now) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(when - now).count());
}

}  // namespace

void RegistryEviction::Fruitless::begin(uint64_t changes) {
  changes_ = changes;
  is_known_ = false;
  began_ = std::chrono::steady_clock::now();
}

void RegistryEviction::Fruitless::end(std::optional<Time> until) {
  until_ = until;
  is_known_ = true;
  ended_ = std::chrono::steady_clock::now();
}

bool RegistryEviction::Fruitless::is_true(uint64_t changes, Time now) const {
  return is_known_ && changes == changes_ && (!until_ || now < *until_);
}

bool RegistryEviction::Fruitless::is_tiring() const {
  const auto took = ended_ - began_;
  return is_known_ && took > kLongWalk && std::chrono::steady_clock::now() - ended_ < took * kRestAfterWalk;
}

Time::duration upload_kept_for(const RouteRules& rules) {
  constexpr auto kAtLeast = std::chrono::hours(1);
  return std::max<Time::duration>(rules.lease(), kAtLeast);
}

Result<> RegistryEviction::evict_abandoned(const std::string& route, uint64_t size) {
  for (const auto& [id, partial] : partials_.list()) {
    const Budget::Shortage needed = parts_.budget.shortage(route, size);
    if (needed.route == 0 && needed.whole == 0) return {};
    const bool would_help = needed.whole > 0 || partial.route == route;
    if (!partial.is_abandoned || !would_help) continue;
    if (auto evicted = evict_upload(id, partial.route); !evicted) return evicted;
  }
  return {};
}

Result<> RegistryEviction::evict_upload(const std::string& id, const std::string& route) {
  if (auto evicted = partials_.evict(id); !evicted) return evicted;
  parts_.log.info("stale_upload_evicted", {{"route", route}, {"upload", id}});
  return {};
}

Result<> RegistryEviction::evict_dead(const std::string& route, uint64_t size) {
  while (disk_bound_.is_curable(route, size) && !trash_.is_held()) {
    const uint64_t changes = parts_.catalog.need_changes();
    if (dead_.is_true(changes, parts_.clock.now())) return wait_for_lease(route, size, dead_.until());
    if (dead_.is_tiring()) return failure(Error{Error::Kind::full, "room is looked for in a moment", 1});
    dead_.begin(changes);
    const auto pass = review_all(route, size);
    if (!pass) return failure(pass.error());
    if (pass->has_reviewed_any) continue;
    if (pass->is_whole && !pass->has_failed_any) dead_.end(pass->soon);
    // Another thread may have reviewed the last of them, and not have freed it yet.
    if (auto emptied = empty_trash(size); !emptied) return emptied;
    if (!disk_bound_.is_curable(route, size)) return {};
    return wait_for_lease(route, size, pass->soon);
  }
  return {};
}

// `full`, with the time to wait, if a lease ends so soon that it is worth waiting for.
Result<> RegistryEviction::wait_for_lease(const std::string& route, uint64_t size,
                                          std::optional<Time> until) const {
  const Time now = parts_.clock.now();
  if (!until || *until - now > kWorthWaitingFor) return {};
  return failure(Error{Error::Kind::full,
                       "no room in " + route + " for " + std::to_string(size) + " bytes before a lease ends",
                       seconds_until(*until, now)});
}

// One pass through the queue of reviews, due or not, until there is room.
Result<RegistryEviction::Pass> RegistryEviction::review_all(const std::string& route, uint64_t size) {
  Pass pass;
  std::optional<Review> last;
  while (disk_bound_.is_curable(route, size) && !trash_.is_held()) {
    const auto reviews = parts_.catalog.queues().reviews(Time::max(), kReviewsAtOnce, last);
    if (!reviews) return failure(reviews.error());
    if (reviews->empty()) {
      pass.is_whole = true;
      break;
    }
    last = reviews->back();
    for (const Review& review : *reviews) {
      // What goes into a trash that is held makes no room.
      if (trash_.is_held()) break;
      // One that cannot be decided must not keep the others from making room. It stays for collect(), which
      // postpones it.
      if (auto done = review_one(review, pass); !done) {
        parts_.log.error("review_failed",
                         {{"digest", review.digest.text()}, {"error", done.error().message}});
        pass.has_failed_any = true;
      }
    }
    if (auto emptied = empty_trash(size); !emptied) return failure(emptied.error());
  }
  return pass;
}

Result<> RegistryEviction::review_one(const Review& review, Pass& pass) {
  const auto until = leased_until(review);
  if (!until) return failure(until.error());
  if (*until > parts_.clock.now()) {
    pass.soon = std::min(pass.soon.value_or(*until), *until);
    return {};
  }
  const auto done = collector_.review(review, References::For::room);
  if (!done) return failure(done.error());
  if (*done) pass.has_reviewed_any = true;
  return {};
}

// When the digest may go. A review that is due in spite of a lease comes from a digest that has left a
// repository: if that was the last, the lease keeps nothing.
Result<Time> RegistryEviction::leased_until(const Review& review) const {
  const Time now = parts_.clock.now();
  const Time until = parts_.leases.until(review.digest, Leases::For::room);
  if (until <= now || review.review_after > now) return until;
  const auto routes = parts_.catalog.by_digest().routes_of(review.digest);
  if (!routes) return failure(routes.error());
  return routes->empty() ? now : until;
}

Result<> RegistryEviction::empty_trash(uint64_t size) {
  std::vector<Trash::Freed> freed;
  auto emptied = trash_.empty(disk_bound_.is_short(size) ? &freed : nullptr);
  for (const auto& [bytes, had_other_name] : freed) disk_bound_.note_deleted(bytes, had_other_name);
  return emptied;
}

bool RegistryEviction::is_spare_upload(const IdlePartial& partial, const std::string& route) const {
  return partial.route == route && parts_.clock.now() - partial.modified >= upload_kept_for(parts_.rules);
}

Result<> RegistryEviction::evict_uploads(const std::string& route, uint64_t size) {
  std::vector<std::pair<Time, std::string>> evictable;
  for (const auto& [id, partial] : partials_.list()) {
    if (is_spare_upload(partial, route)) evictable.emplace_back(partial.modified, id);
  }
  std::sort(evictable.begin(), evictable.end());
  for (const auto& [modified, id] : evictable) {
    if (parts_.budget.has_room(route, size)) return {};
    if (auto evicted = evict_upload(id, route); !evicted) return evicted;
  }
  return {};
}

// Without a walk while the last one, which found none, is true.
Result<std::vector<CacheTag>> RegistryEviction::cache_tags_that_may_go(const std::string& route) {
  Fruitless& fruitless = cache_tags_[route];
  const uint64_t changes = parts_.catalog.need_changes();
  const Time now = parts_.clock.now();
  if (fruitless.is_true(changes, now)) return std::vector<CacheTag>();
  if (fruitless.is_tiring()) return failure(Error{Error::Kind::full, "room is looked for in a moment", 1});
  fruitless.begin(changes);
  // What was imported just now, or pushed, is needed by somebody.
  std::optional<Time> next;
  const auto may_go = [&](const Digest& digest) {
    const Time until = parts_.leases.until(digest);
    if (until > now) next = std::min(next.value_or(until), until);
    return until <= now;
  };
  auto tags = cache_tags(parts_.catalog, parts_.rules, parts_.pins, route, may_go);
  if (tags && tags->empty()) fruitless.end(next);
  return tags;
}

Result<> RegistryEviction::evict_cache_tags(const std::string& route, uint64_t size) {
  if (!disk_bound_.is_curable(route, size)) return {};
  const uint64_t wanted = size + low_water(parts_.budget, route);
  const auto tags = cache_tags_that_may_go(route);
  if (!tags) return failure(tags.error());
  for (const CacheTag& tag : *tags) {
    if (!disk_bound_.is_curable(route, wanted) || trash_.is_held()) return {};
    if (parts_.leases.until(tag.tag.record.digest) > parts_.clock.now()) continue;
    const auto deleted = parts_.references.delete_tag_if_unchanged(tag.repository, tag.tag);
    if (!deleted) return failure(deleted.error());
    if (!*deleted) continue;
    parts_.log.info("cache_tag_evicted", {{"route", route},
                                          {"repository", tag.repository.repository},
                                          {"tag", tag.tag.tag},
                                          {"digest", tag.tag.record.digest.text()}});
    collector_.count_tag();
    const auto evicted = evict_dead(route, wanted);
    if (!evicted && !parts_.budget.has_room(route, size)) return evicted;
  }
  return {};
}

Budget::Shortage RegistryEviction::spare_uploads(const std::string& route) const {
  Budget::Shortage spare;
  for (const auto& [id, partial] : partials_.list()) {
    if (!partial.is_abandoned && !is_spare_upload(partial, route)) continue;
    spare.whole += on_disk(partial.bytes);
    if (partial.route == route) spare.route += on_disk(partial.bytes);
  }
  return spare;
}

Result<bool> RegistryEviction::may_have_dead(const std::string& route, uint64_t size) {
  const uint64_t changes = parts_.catalog.need_changes();
  if (!dead_.is_true(changes, parts_.clock.now())) {
    if (dead_.is_tiring()) return failure(Error{Error::Kind::full, "room is looked for in a moment", 1});
    dead_.begin(changes);
    std::optional<Time> soon;
    std::optional<Review> last;
    for (;;) {
      const auto reviews = parts_.catalog.queues().reviews(Time::max(), kReviewsAtOnce, last);
      if (!reviews) return failure(reviews.error());
      if (reviews->empty()) break;
      last = reviews->back();
      for (const Review& review : *reviews) {
        const auto until = leased_until(review);
        if (!until || *until <= parts_.clock.now()) return true;
        soon = std::min(soon.value_or(*until), *until);
      }
    }
    dead_.end(soon);
  }
  if (auto waits = wait_for_lease(route, size, dead_.until()); !waits) return failure(waits.error());
  return false;
}

Result<bool> RegistryEviction::has_cache_tags(const std::string& route) {
  const auto tags = cache_tags_that_may_go(route);
  if (!tags) return failure(tags.error());
  return !tags->empty();
}

}  // namespace breakwater::store
