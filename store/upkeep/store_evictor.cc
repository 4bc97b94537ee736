#include "store/upkeep/store_evictor.h"

#include <utility>

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
  auto made = make_room(route, size);
  if (made || made.error().kind != Error::Kind::full || made.error().retry_after_s > 0) return made;
  // What went, or would have gone, while a backup held the trash makes room in a moment.
  Error error = made.error();
  if (trash_.is_held() || trash_.holds_ended() != holds_ended) error.retry_after_s = kHeldTrashRetryS;
  return failure(std::move(error));
}

Result<> StoreEvictor::make_room(const std::string& route, uint64_t size) {
  using Bound = MirrorEviction::Bound;
  // A catalog that cannot be written must not keep room from being made.
  if (auto flushed = parts_.use_times.flush(); !flushed) {
    parts_.log.warning("uses_not_written", {{"error", flushed.error().message}});
  }
  if (parts_.budget.has_room(route, size)) return {};
  // What is on its way out already makes room before anything else goes.
  if (auto emptied = trash_.empty(); !emptied) {
    parts_.log.warning("trash_not_emptied", {{"error", emptied.error().message}});
  }
  if (parts_.budget.has_room(route, size)) return {};
  if (auto evicted = registries_.evict_abandoned(route, size); !evicted) return evicted;
  if (parts_.budget.has_room(route, size)) return {};
  // What goes for another bound makes no room on the disk either.
  if (size > 0 && disk_bound_.frees_nothing() && disk_bound_.is_short(size))
    return check_reached(route, size);
  const bool is_mirror = parts_.rules.is_mirror(route);
  // Within a mirror's own bound only its own can make room.
  if (auto evicted = mirrors_.evict(route, size, Bound::route); !evicted) return evicted;
  if (is_mirror && parts_.budget.shortage(route, size).route > 0) return check_reached(route, size);
  // What nobody needs goes first. If there is such a thing, and only a short lease keeps it, it is worth
  // waiting for.
  auto dead_evicted = registries_.evict_dead(route, size);
  if (auto evicted = mirrors_.evict(route, size, Bound::each); !evicted) return evicted;
  if (!dead_evicted && !parts_.budget.has_room(route, size)) return dead_evicted;
  if (!is_mirror) {
    if (auto evicted = registries_.evict_uploads(route, size); !evicted) return evicted;
    if (auto evicted = registries_.evict_cache_tags(route, size); !evicted) return evicted;
  }
  return check_reached(route, size);
}

// The budget says in its own words which bound is reached, if one is.
Result<> StoreEvictor::check_reached(const std::string& route, uint64_t size) {
  const auto reservation = parts_.budget.reserve(route, size);
  return reservation ? Result<>() : failure(reservation.error());
}

}  // namespace breakwater::store
