#include "store/upkeep/store_evictor.h"

#include <algorithm>
#include <utility>

#include "store/blobs/idle_partials.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/capacity/disk_bound.h"
#include "store/references/route_rules.h"
#include "store/references/use_times.h"

namespace breakwater::store {
namespace {

constexpr int64_t kHeldTrashRetryS = 1;

}  // namespace

Result<> StoreEvictor::evict_for(const std::string& route, uint64_t size) {
  const uint64_t holds_ended = trash_.holds_ended();
  return note_hold(make_room(route, size), holds_ended);
}

Result<> StoreEvictor::judge(const std::string& route, uint64_t size) {
  const uint64_t holds_ended = trash_.holds_ended();
  return note_hold(judge_kinds(route, size), holds_ended);
}

// What went, or would have gone, while a backup held the trash makes room in a moment.
Result<> StoreEvictor::note_hold(Result<> result, uint64_t holds_ended) const {
  if (result || result.error().kind != Error::Kind::full || result.error().retry_after_s > 0) return result;
  Error error = result.error();
  if (trash_.is_held() || trash_.holds_ended() != holds_ended) error.retry_after_s = kHeldTrashRetryS;
  return failure(std::move(error));
}

Result<> StoreEvictor::make_room(const std::string& route, uint64_t size) {
  using Bound = MirrorEviction::Bound;
  // A catalog that cannot be written must not keep room from being made.
  if (auto flushed = parts_.use_times.flush(); !flushed) {
    parts_.log.warning("uses_not_written", {{"error", flushed.error().message}});
  }
  if (has_room_when_gone(route, size)) return {};
  if (auto evicted = registries_.evict_abandoned(route, size); !evicted) return evicted;
  if (parts_.budget.has_room(route, size)) return {};
  // What goes for another bound makes no room on the disk either.
  if (size > 0 && disk_bound_.frees_nothing() && disk_bound_.is_short(size))
    return parts_.budget.check(route, size);
  const bool is_mirror = parts_.rules.is_mirror(route);
  // Within a mirror's own bound only its own can make room.
  if (auto evicted = mirrors_.evict(route, size, Bound::route); !evicted) return evicted;
  if (is_mirror && parts_.budget.shortage(route, size).route > 0) return parts_.budget.check(route, size);
  // What nobody needs goes first. If there is such a thing, and only a short lease keeps it, it is worth
  // waiting for.
  auto dead_evicted = registries_.evict_dead(route, size);
  if (auto evicted = mirrors_.evict(route, size, Bound::each); !evicted) return evicted;
  if (!dead_evicted && !parts_.budget.has_room(route, size)) return dead_evicted;
  if (!is_mirror) {
    if (auto evicted = registries_.evict_uploads(route, size); !evicted) return evicted;
    if (auto evicted = registries_.evict_cache_tags(route, size); !evicted) return evicted;
  }
  return parts_.budget.check(route, size);
}

// The kinds of make_room(), each by the most that it can give.
Result<> StoreEvictor::judge_kinds(const std::string& route, uint64_t size) {
  if (has_room_when_gone(route, size)) return {};
  if (disk_bound_.frees_nothing() && disk_bound_.is_short(size)) return parts_.budget.check(route, size);
  Budget::Shortage needed = disk_bound_.curable_shortage(route, size);
  const Budget::Shortage uploads = registries_.spare_uploads(route);
  needed.route -= std::min(needed.route, uploads.route);
  needed.whole -= std::min(needed.whole, uploads.whole);
  if (mirrors_.can_suffice(route, needed)) return {};
  const bool is_mirror = parts_.rules.is_mirror(route);
  if (is_mirror && needed.route > 0) return parts_.budget.check(route, size);
  const auto dead = registries_.may_have_dead(route, size);
  if (!dead) return failure(dead.error());
  if (*dead) return {};
  const auto tags = is_mirror ? Result<bool>(false) : registries_.has_cache_tags(route);
  if (!tags) return failure(tags.error());
  return *tags ? Result<>() : parts_.budget.check(route, size);
}

// What is on its way out already makes room before anything else goes.
bool StoreEvictor::has_room_when_gone(const std::string& route, uint64_t size) {
  if (parts_.budget.has_room(route, size)) return true;
  partials_.wait_for_evictions();
  if (auto emptied = trash_.empty(); !emptied) {
    parts_.log.warning("trash_not_emptied", {{"error", emptied.error().message}});
  }
  return parts_.budget.has_room(route, size);
}

}  // namespace breakwater::store
