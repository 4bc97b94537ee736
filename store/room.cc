// The part of Store that makes room: it gathers what could go, lets eviction.h decide, and does it.
#include <algorithm>
#include <set>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

// Kept free for what no budget counts: the file system's own blocks and the catalog's growth between two
// measurements. At least:
constexpr uint64_t kMarginBytes = 16ULL << 20;
constexpr uint64_t kMarginOfTotal = 8;  // but never more than this part of a small file system

constexpr uint64_t kLowWaterOfBound = 64;
constexpr uint64_t kSizeMax = UINT64_MAX / 2;  // an upstream may name any length

constexpr size_t kCandidatesAtFirst = 64;
constexpr size_t kCandidatesGrowth = 8;
constexpr size_t kCandidatesMax = kCandidatesAtFirst * 8 * 8 * 8;  // of each route
// Each round decides anew, because somebody may have begun to read what was chosen.
constexpr int kRoundsMax = 12;

// A file that has another name, of a backup maybe, frees nothing when it goes. After so many in a row nothing
// goes for the disk's own bound until the disk has got back what they held, or a while has passed.
constexpr size_t kInVainMax = 4;
constexpr auto kInVainPause = std::chrono::hours(1);

}  // namespace

Result<Reservation> Store::reserve(const std::string& route, uint64_t size) {
  const std::lock_guard lock(room_);
  measure_disk_bound();
  auto reservation = budget_.reserve(route, size);
  if (reservation || reservation.error().kind != Error::Kind::full || !can_ever_fit(route, size, 0))
    return reservation;
  if (auto made = make_room(route, size); !made) return failure(made.error());
  return budget_.reserve(route, size);
}

Result<> Store::grow(Reservation& reservation, const std::string& route, uint64_t size) {
  if (size <= reservation.held()) return {};
  const std::lock_guard lock(room_);
  measure_disk_bound();
  auto grown = reservation.grow(size);
  if (grown || grown.error().kind != Error::Kind::full || !can_ever_fit(route, size, reservation.held()))
    return grown;
  if (auto made = make_room(route, on_disk(size) - reservation.held()); !made) return made;
  return reservation.grow(size);
}

// Whether it would fit if all else were gone. `held` bytes of it are taken already. If not, nothing need go
// for it.
bool Store::can_ever_fit(const std::string& route, uint64_t size, uint64_t held) const {
  if (size > kSizeMax || on_disk(size) > budget_.of(route).bytes_max) return false;
  const uint64_t taken = budget_.whole().taken();  // asked first: others may give back some at any moment
  return budget_.shortage(route, on_disk(size) - held).whole <= taken - held;
}

// What all our files may take before the file system is full is what they take now and what it has left. What
// they take is asked before what is left, so that bytes written in between only make the bound smaller; and
// asked again if something was committed or removed in between, which would be counted twice.
void Store::measure_disk_bound() {
  for (int round = 0; round < kRoundsMax; ++round) {
    const uint64_t stored = budget_.whole().stored;
    const uint64_t ours = stored + budget_.overhead() + blobs_.receiving_bytes();
    const auto space = disk_.space(settings_.data);
    if (!space) {
      log_.warning("disk_space_unknown", {{"error", space.error().message}});
      return;
    }
    if (budget_.whole().stored != stored) continue;
    const uint64_t margin = std::min(std::max(kMarginBytes, growth_), space->total / kMarginOfTotal);
    ours_and_free_ = ours + space->available;
    budget_.set_disk_bound(std::max(ours_and_free_, margin) - margin);
    const bool is_back = ours_and_free_ >= in_vain_.ours_and_free + in_vain_.bytes / 2;
    if (in_vain_.files > 0 && (is_back || clock_.now() - in_vain_.since >= kInVainPause)) in_vain_ = {};
    return;
  }
}

// A bound may have been lowered since the last start, and others may have filled the file system.
void Store::enforce_bounds() {
  std::vector<std::string> routes = settings_.mirror_routes;
  routes.emplace_back();
  for (const std::string& route : routes) {
    if (auto made = make_room(route, 0); !made)
      log_.warning("bound_not_kept", {{"route", route}, {"error", made.error().message}});
  }
}

Result<> Store::make_room(const std::string& route, uint64_t size) {
  // A catalog that cannot be written must not keep room from being made.
  if (auto flushed = flush_uses(); !flushed)
    log_.warning("uses_not_written", {{"error", flushed.error().message}});
  if (has_room(route, size)) return {};
  // What goes for another bound makes no room on the disk either.
  if (size > 0 && frees_nothing() && is_short_of_disk(size)) return is_reached(route, size);
  // Within a mirror's own bound only its own can make room.
  if (auto evicted = evict_mirrored(route, size, Bound::route); !evicted) return evicted;
  if (is_mirror(route) && budget_.shortage(route, size).route > 0) return is_reached(route, size);
  // What nobody needs goes first. If there is such a thing, and only a short lease keeps it, it is worth
  // waiting for.
  auto collected = collect_for_room(route, size);
  if (auto evicted = evict_mirrored(route, size, Bound::each); !evicted) return evicted;
  if (!collected && !has_room(route, size)) return collected;
  if (!is_mirror(route)) {
    if (auto evicted = evict_stale_uploads(route, size); !evicted) return evicted;
    if (auto evicted = evict_cache_tags(route, size); !evicted) return evicted;
  }
  return is_reached(route, size);
}

// The budget says in its own words which bound is reached, if one is.
Result<> Store::is_reached(const std::string& route, uint64_t size) {
  auto reservation = budget_.reserve(route, size);
  if (!reservation) return failure(reservation.error());
  return {};
}

// What is left free beyond what was asked for, once room has to be made: part of the smaller bound.
uint64_t Store::low_water(const std::string& route) const {
  const uint64_t bound = std::min(budget_.of(route).bytes_max, budget_.whole().bytes_max);
  return bound == Budget::kUnbounded ? 0 : bound / kLowWaterOfBound / on_disk(1) * on_disk(1);
}

Result<> Store::evict_mirrored(const std::string& route, uint64_t size, Bound bound) {
  // A little more than is needed, so that the next one need not look for room again.
  if (size > 0) {
    if (auto evicted = evict_until(route, size + low_water(route), bound, EvictionCandidate::Kind::blob);
        !evicted)
      return evicted;
  }
  return evict_until(route, size, bound, EvictionCandidate::Kind::manifest);
}

// Nothing that goes later than `last`.
Result<> Store::evict_until(const std::string& route, uint64_t size, Bound bound,
                            EvictionCandidate::Kind last) {
  size_t blobs_max = kCandidatesAtFirst;
  std::set<std::string> stuck;  // what could not be removed in this call
  uint64_t unaccounted = 0;     // bytes of those whose files are gone nevertheless
  for (int round = 0; round < kRoundsMax; ++round) {
    Budget::Shortage needed = curable(route, size);
    if (bound == Bound::route) needed.whole = 0;
    if (needed.route == 0 && needed.whole == 0) return {};
    if (!can_leave(route, needed)) break;
    auto found = evictables(blobs_max);
    if (!found) return failure(found.error());
    for (size_t i = 0; i < found->things.size(); ++i) {
      if (found->candidates[i].kind > last || stuck.contains(found->things[i].name()))
        found->candidates[i].pinned = true;
    }
    const auto chosen = choose_evictions(found->candidates, route, needed);
    const bool is_widest = found->complete || blobs_max >= kCandidatesMax;
    if (chosen.empty() && is_widest) break;
    // A manifest goes only when no blob is left that could go instead.
    const bool has_manifest = std::any_of(chosen.begin(), chosen.end(), [&](size_t index) {
      return found->candidates[index].kind == EvictionCandidate::Kind::manifest;
    });
    if (!is_widest && (chosen.empty() || has_manifest)) {
      blobs_max *= kCandidatesGrowth;
      continue;
    }
    for (const size_t index : chosen) {
      const Evictable& thing = found->things[index];
      const bool is_for_disk = needed.whole > 0 && is_short_of_disk(size);
      const auto file = is_for_disk && thing.blob ? blobs_.stat(thing.blob->digest) : Result<FileStat>();
      const auto evicted = evict(thing);
      if (evicted && is_for_disk) note_gone(found->candidates[index].bytes, file && file->names > 1);
      if (evicted && is_for_disk && frees_nothing()) break;
      if (evicted) continue;
      must_reconcile_ = true;
      log_.error("eviction_failed", {{"what", thing.name()}, {"error", evicted.error().message}});
      stuck.insert(thing.name());
      if (evicted.error().kind != Error::Kind::full || !thing.blob) continue;
      unaccounted += on_disk(thing.blob->record.size);
      if (unaccounted >= std::max(needed.route, needed.whole)) return evicted;
    }
  }
  return {};
}

// --- the disk's own bound, and what goes for it in vain

// Whether what the file system has left is the nearer bound of the whole, and too near for `size`.
bool Store::is_short_of_disk(uint64_t size) const {
  return budget_.shortage({}, size).whole > missing_of_store(size);
}

// As Budget::shortage() would say of the whole, were the disk endless.
uint64_t Store::missing_of_store(uint64_t size) const {
  const Budget::Use whole = budget_.whole();
  if (whole.bytes_max == Budget::kUnbounded) return 0;
  const uint64_t wanted = whole.taken() + budget_.overhead() + on_disk(size);
  return wanted - std::min(wanted, whole.bytes_max - std::min(whole.bytes_max, headroom()));
}

bool Store::frees_nothing() const { return in_vain_.files >= kInVainMax; }

// The shortage that goes when something goes.
Budget::Shortage Store::curable(const std::string& route, uint64_t size) const {
  Budget::Shortage needed = budget_.shortage(route, size);
  if (frees_nothing()) needed.whole = std::min(needed.whole, missing_of_store(size));
  return needed;
}

bool Store::can_cure(const std::string& route, uint64_t size) const {
  const Budget::Shortage needed = curable(route, size);
  return needed.route > 0 || needed.whole > 0;
}

// Something went for the disk's own bound.
void Store::note_gone(uint64_t bytes, bool has_other_name) {
  if (!has_other_name) {
    in_vain_ = {};
    return;
  }
  const bool was_known = frees_nothing();
  measure_disk_bound();
  in_vain_ = {in_vain_.files + 1, in_vain_.bytes + bytes, ours_and_free_, clock_.now()};
  if (was_known || !frees_nothing()) return;
  log_.warning("eviction_frees_nothing", {{"files", static_cast<int64_t>(in_vain_.files)},
                                          {"bytes", static_cast<int64_t>(in_vain_.bytes)},
                                          {"reason", "the files have other names, of a backup maybe"}});
}

// --- what may go

// Whether as much as is needed is on the accounts of those who can give it up; saves a look at every blob
// when it is not.
bool Store::can_leave(const std::string& route, const Budget::Shortage& needed) const {
  if (needed.route > (is_mirror(route) ? budget_.of(route).stored : 0)) return false;
  uint64_t evictable = 0;
  for (const auto& [name, use] : budget_.routes()) {
    if (is_mirror(name)) evictable += use.stored;
  }
  return needed.whole <= evictable;
}

Result<Store::Evictables> Store::evictables(size_t blobs_max) {
  Evictables found;
  {
    const std::lock_guard lock(partials_mutex_);
    for (const auto& [id, partial] : idle_partials_) {
      if (!is_mirror(partial.route)) continue;
      found.things.push_back({id, std::nullopt});
      found.candidates.push_back(
          {EvictionCandidate::Kind::partial, partial.route, on_disk(partial.bytes), partial.modified, false});
    }
  }
  std::vector<std::string> routes = settings_.mirror_routes;
  routes.emplace_back();  // what recovery found without an owner
  for (const std::string& route : routes) {
    if (auto added = add_blobs_of(route, blobs_max, found); !added) return failure(added.error());
  }
  return found;
}

Result<> Store::add_blobs_of(const std::string& route, size_t blobs_max, Evictables& found) {
  // One record that cannot be read must not keep all the others in the store.
  const auto skip = [&](const Digest& digest, const Error& error) {
    log_.error("blob_not_evictable", {{"digest", digest.text()}, {"error", error.message}});
  };
  auto blobs = catalog_->least_recently_used(route, blobs_max, skip);
  if (!blobs) return failure(blobs.error());
  if (blobs->size() == blobs_max) found.complete = false;
  for (UsedBlob& blob : *blobs) {
    const auto manifests = catalog_->manifests_of(blob.digest);
    if (!manifests) {
      skip(blob.digest, manifests.error());
      continue;
    }
    const auto needed = is_needed_elsewhere(blob.digest);
    if (!needed) {
      skip(blob.digest, needed.error());
      continue;
    }
    const auto kind = manifests->empty() ? EvictionCandidate::Kind::blob : EvictionCandidate::Kind::manifest;
    found.candidates.push_back({kind, route, on_disk(blob.record.size), blob.record.used_at,
                                *needed || blobs_.is_read(blob.digest)});
    found.things.push_back({{}, std::move(blob)});
  }
  return {};
}

// By a route that cannot fetch it again.
Result<bool> Store::is_needed_elsewhere(const Digest& digest) {
  const auto routes = catalog_->routes_of(digest);
  if (!routes) return failure(routes.error());
  return !std::all_of(routes->begin(), routes->end(),
                      [&](const std::string& route) { return is_mirror(route); });
}

Result<> Store::evict(const Evictable& thing) {
  return thing.blob ? evict_blob(*thing.blob) : evict_partial(thing.id);
}

Result<> Store::evict_partial(const std::string& id) {
  IdlePartial partial;
  {
    const std::lock_guard lock(partials_mutex_);
    const auto found = idle_partials_.find(id);
    if (found == idle_partials_.end()) return {};
    partial = found->second;
    idle_partials_.erase(found);
  }
  auto removed = blobs_.remove_partial(id);
  if (!removed && removed.error().kind != Error::Kind::not_found) {
    const std::lock_guard lock(partials_mutex_);
    idle_partials_[id] = partial;
    return removed;
  }
  budget_.release(partial.route, partial.bytes);
  forget_upload(id);
  return {};
}

Result<> Store::evict_blob(const UsedBlob& blob) {
  std::optional<Trashed> trashed;
  {
    const std::lock_guard lock(change_of(blob.digest));
    const std::lock_guard references(references_);
    const auto record = catalog_->blob(blob.digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return {};
    // Asked again under the locks: a push may have come to need it.
    const auto needed = is_needed_elsewhere(blob.digest);
    if (!needed) return failure(needed.error());
    if (*needed) return {};
    const auto removed = blobs_.trash_if_unread(blob.digest);
    if (!removed && removed.error().kind != Error::Kind::not_found) return failure(removed.error());
    if (removed && !*removed) return {};
    trashed = Trashed{blob.digest, (*record)->route, (*record)->size};
    auto forgotten = forget_record(blob.digest, *record);
    if (!forgotten && forgotten.error().kind == Error::Kind::full && removed) {
      // The room that the catalog lacks may be this blob's. Should it not do, whoever opens the blob finds it
      // gone.
      if (auto emptied = blobs_.remove_trashed(blob.digest); !emptied) return emptied;
      forgotten = forget_record(blob.digest, *record);
      if (!forgotten) return forgotten;
    } else if (!forgotten) {
      (void)blobs_.restore(blob.digest);
      return forgotten;
    }
  }
  ++evicted_;
  log_.debug("blob_evicted", {{"digest", blob.digest.text()},
                              {"route", trashed->route},
                              {"bytes", static_cast<int64_t>(trashed->bytes)}});
  auto emptied = empty(*trashed);
  if (emptied) return {};
  // Collection tries again: what has left the catalog must not stay on the disk.
  const std::lock_guard collecting(collecting_);
  trash_.push_back(*std::move(trashed));
  return emptied;
}

}  // namespace breakwater::store
