#include "store/upkeep/mirror_eviction.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/capacity/disk_bound.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kLowWaterOfBound = 64;

constexpr size_t kCandidatesAtFirst = 64;
constexpr size_t kCandidatesGrowth = 8;
constexpr size_t kCandidatesMax = kCandidatesAtFirst * 8 * 8 * 8;  // of each route
// Each round decides anew, because somebody may have begun to read what was chosen.
constexpr int kRoundsMax = 12;

}  // namespace

uint64_t low_water(const Budget& budget, const std::string& route) {
  const uint64_t bound = std::min(budget.of(route).bytes_max, budget.whole().bytes_max);
  return bound == Budget::kUnbounded ? 0 : bound / kLowWaterOfBound / on_disk(1) * on_disk(1);
}

Result<> MirrorEviction::evict(const std::string& route, uint64_t size, Bound bound) {
  if (size > 0) {
    const uint64_t wanted = size + low_water(parts_.budget, route);
    if (auto evicted = evict_until(route, wanted, bound, EvictionCandidate::Kind::blob); !evicted)
      return evicted;
  }
  return evict_until(route, size, bound, EvictionCandidate::Kind::manifest);
}

// One call of evict_until().
struct MirrorEviction::Attempt {
  const std::string& route;
  const uint64_t size;
  const EvictionCandidate::Kind last;  // the last kind, in the order of eviction, that may be evicted
  size_t blobs_max = kCandidatesAtFirst;
  std::set<std::string> stuck = {};  // what could not be taken away
  uint64_t unaccounted = 0;          // bytes of those whose files are gone nevertheless
};

Result<> MirrorEviction::evict_until(const std::string& route, uint64_t size, Bound bound,
                                     EvictionCandidate::Kind last) {
  Attempt attempt{route, size, last};
  for (int round = 0; round < kRoundsMax; ++round) {
    Budget::Shortage needed = disk_bound_.curable_shortage(route, size);
    if (bound == Bound::route) needed.whole = 0;
    if (needed.route == 0 && needed.whole == 0) return {};
    // What goes into a trash that is held frees nothing now.
    if (trash_.is_held() || !can_suffice(route, needed) || is_known_to_be_vain(attempt, needed)) return {};
    const auto more = evict_some(attempt, needed);
    if (!more) return failure(more.error());
    if (!*more) return {};
  }
  return {};
}

// One round. False if nothing can be chosen.
Result<bool> MirrorEviction::evict_some(Attempt& attempt, const Budget::Shortage& needed) {
  auto found = evictables(attempt.blobs_max);
  if (!found) return failure(found.error());
  for (size_t i = 0; i < found->things.size(); ++i) {
    const bool is_kept =
        found->candidates[i].kind > attempt.last || attempt.stuck.contains(found->things[i].name());
    if (is_kept) found->candidates[i].pinned = true;
  }
  const auto chosen = choose_evictions(found->candidates, attempt.route, needed);
  const bool is_widest = found->is_complete || attempt.blobs_max >= kCandidatesMax;
  if (chosen.empty() && is_widest) {
    tell_of_pins(attempt, found->left, needed);
    vain_.note(std::move(found->left), now());
    return false;
  }
  // A manifest goes only when no blob is left that could go instead.
  const bool has_manifest = std::any_of(chosen.begin(), chosen.end(), [&](size_t index) {
    return found->candidates[index].kind == EvictionCandidate::Kind::manifest;
  });
  if (!is_widest && (chosen.empty() || has_manifest)) {
    attempt.blobs_max *= kCandidatesGrowth;
    return true;
  }
  for (const size_t index : chosen) {
    if (trash_.is_held()) break;
    const Evictable& thing = found->things[index];
    const bool is_for_disk = needed.whole > 0 && disk_bound_.is_short(attempt.size);
    const auto file = is_for_disk && thing.blob ? parts_.files.stat(thing.blob->digest) : Result<FileStat>();
    const auto evicted = evict(thing);
    const bool is_freed = evicted && *evicted && !trash_.is_held();
    if (is_freed && is_for_disk)
      disk_bound_.note_deleted(found->candidates[index].bytes, file && file->names > 1);
    if (is_freed && is_for_disk && disk_bound_.frees_nothing()) break;
    if (evicted) continue;
    parts_.mark.forgo();
    parts_.log.error("eviction_failed", {{"what", thing.name()}, {"error", evicted.error().message}});
    attempt.stuck.insert(thing.name());
    if (evicted.error().kind != Error::Kind::full || !thing.blob) continue;
    attempt.unaccounted += on_disk(thing.blob->record.size);
    if (attempt.unaccounted >= std::max(needed.route, needed.whole)) return failure(evicted.error());
  }
  return true;
}

bool MirrorEviction::is_known_to_be_vain(const Attempt& attempt, const Budget::Shortage& needed) {
  const auto* left = vain_.find(attempt.route, needed, now());
  if (left != nullptr) tell_of_pins(attempt, *left, needed);
  return left != nullptr;
}

VainSearch::Now MirrorEviction::now() const {
  VainSearch::Now now{parts_.pins.list(), {}, parts_.clock.now()};
  for (const auto& [name, use] : parts_.budget.routes()) {
    if (parts_.rules.is_mirror(name)) now.taken[name] = use.taken();
  }
  return now;
}

// Nothing could be chosen. If pinned content is the reason, the operator must know.
void MirrorEviction::tell_of_pins(const Attempt& attempt, const VainSearch::Left& left,
                                  const Budget::Shortage& needed) {
  if (attempt.last != EvictionCandidate::Kind::manifest) return;
  for (const auto& [route, bytes] : left.pinned) {
    const bool is_asked = needed.whole > 0 || route == attempt.route;
    if (!is_asked || !parts_.pins.note_in_the_way(route, bytes, parts_.clock.now())) continue;
    parts_.log.warning("pins_fill_the_bound",
                       {{"route", route},
                        {"pinned_bytes", static_cast<int64_t>(bytes)},
                        {"advice", "nothing else is left to go: unpin something, or raise bytes_max"}});
  }
}

// Saves gathering every blob when that would be in vain.
bool MirrorEviction::can_suffice(const std::string& route, const Budget::Shortage& needed) const {
  if (needed.route > (parts_.rules.is_mirror(route) ? parts_.budget.of(route).stored : 0)) return false;
  uint64_t evictable = 0;
  for (const auto& [name, use] : parts_.budget.routes()) {
    if (parts_.rules.is_mirror(name)) evictable += use.stored;
  }
  return needed.whole <= evictable;
}

Result<MirrorEviction::Evictables> MirrorEviction::evictables(size_t blobs_max) {
  Evictables found;
  for (const auto& [id, partial] : partials_.list()) {
    if (!parts_.rules.is_mirror(partial.route)) continue;
    found.things.push_back({id, std::nullopt});
    found.left.evictable[partial.route] += on_disk(partial.bytes);
    found.candidates.push_back(
        {EvictionCandidate::Kind::partial, partial.route, on_disk(partial.bytes), partial.modified, false});
  }
  std::vector<std::string> routes = parts_.rules.mirrors();
  routes.emplace_back();  // what recovery found without an owner
  for (const std::string& route : routes) {
    if (auto added = add_blobs_of(route, blobs_max, found); !added) return failure(added.error());
  }
  return found;
}

Result<> MirrorEviction::add_blobs_of(const std::string& route, size_t blobs_max, Evictables& found) {
  // One record that cannot be read must not keep all the others in the store.
  const auto skip = [&](const Digest& digest, const Error& error) {
    parts_.log.error("blob_not_evictable", {{"digest", digest.text()}, {"error", error.message}});
  };
  auto blobs = parts_.catalog.queues().least_recently_used(route, blobs_max, skip);
  if (!blobs) return failure(blobs.error());
  if (blobs->size() == blobs_max) found.is_complete = false;
  blobs_looked_at_ += blobs->size();
  for (UsedBlob& blob : *blobs) {
    const auto manifests = parts_.catalog.by_digest().manifests_of(blob.digest);
    if (!manifests) {
      skip(blob.digest, manifests.error());
      continue;
    }
    const auto needed = is_needed_by_registry(parts_.catalog, parts_.rules, blob.digest);
    if (!needed) {
      skip(blob.digest, needed.error());
      continue;
    }
    const auto pinned = is_pinned(parts_.catalog, parts_.pins, blob.digest);
    if (!pinned) {
      skip(blob.digest, pinned.error());
      continue;
    }
    if (*pinned && !*needed) found.left.pinned[route] += on_disk(blob.record.size);
    if (!*pinned && !*needed) found.left.evictable[route] += on_disk(blob.record.size);
    const auto kind = manifests->empty() ? EvictionCandidate::Kind::blob : EvictionCandidate::Kind::manifest;
    found.candidates.push_back({kind, route, on_disk(blob.record.size), blob.record.used_at,
                                *needed || *pinned || parts_.files.is_read(blob.digest)});
    found.things.push_back({{}, std::move(blob)});
  }
  return {};
}

// False if it is read or needed since it was chosen.
Result<bool> MirrorEviction::evict(const Evictable& thing) {
  if (thing.blob) return blobs_.evict(thing.blob->digest);
  if (auto evicted = partials_.evict(thing.id); !evicted) return failure(evicted.error());
  return true;
}

}  // namespace breakwater::store
