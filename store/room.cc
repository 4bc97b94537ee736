// The part of Store that makes room: it gathers what could go, lets eviction.h decide, and does it.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

// Kept free for what no budget counts: the file system's own blocks and the catalog's growth between two measurements.
constexpr uint64_t kMarginBytes = 16ULL << 20;
constexpr uint64_t kMarginOfTotal = 8;  // but never more than this part of a small file system

constexpr size_t kCandidatesAtFirst = 64;
constexpr size_t kCandidatesGrowth = 8;
// Each round decides anew, because somebody may have begun to read what was chosen.
constexpr int kRoundsMax = 8;

}  // namespace

Result<Reservation> Store::reserve(const std::string& route, uint64_t size) {
  const std::lock_guard lock(room_);
  measure_disk_bound();
  auto reservation = budget_.reserve(route, size);
  if (reservation || reservation.error().kind != Error::Kind::full) return reservation;
  if (auto made = make_room(route, size); !made) return failure(made.error());
  return budget_.reserve(route, size);
}

Result<> Store::grow(Reservation& reservation, const std::string& route, uint64_t size) {
  if (size <= reservation.held()) return {};
  const std::lock_guard lock(room_);
  measure_disk_bound();
  auto grown = reservation.grow(size);
  const bool is_countable = size <= UINT64_MAX / 2;  // an upstream may name any length
  if (grown || grown.error().kind != Error::Kind::full || !is_countable) return grown;
  if (auto made = make_room(route, on_disk(size) - reservation.held()); !made) return made;
  return reservation.grow(size);
}

// What all our files may take before the file system is full is what they take now and what it has left. What they take is asked before
// what is left, so that bytes written in between only make the bound smaller; and asked again if something was committed or removed in
// between, which would be counted twice.
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
    const uint64_t margin = std::min(kMarginBytes, space->total / kMarginOfTotal);
    budget_.set_disk_bound(std::max(ours + space->available, margin) - margin);
    return;
  }
}

Result<> Store::make_room(const std::string& route, uint64_t size) {
  if (auto flushed = flush_uses(); !flushed) return flushed;
  size_t blobs_max = kCandidatesAtFirst;
  for (int round = 0; round < kRoundsMax; ++round) {
    const Budget::Shortage needed = budget_.shortage(route, size);
    if (needed.route == 0 && needed.whole == 0) return {};
    if (needed.route > budget_.of(route).stored || needed.whole > budget_.whole().stored) break;
    const auto found = evictables(blobs_max);
    if (!found) return failure(found.error());
    const auto chosen = choose_evictions(found->candidates, route, needed);
    if (chosen.empty() && found->complete) break;
    if (chosen.empty()) blobs_max *= kCandidatesGrowth;
    for (const size_t index : chosen) {
      if (auto evicted = evict(found->things[index]); !evicted) return evicted;
    }
  }
  // The budget says in its own words which bound is reached.
  auto reservation = budget_.reserve(route, size);
  if (!reservation) return failure(reservation.error());
  return {};
}

Result<Store::Evictables> Store::evictables(size_t blobs_max) {
  Evictables found;
  {
    const std::lock_guard lock(partials_mutex_);
    for (const auto& [id, partial] : idle_partials_) {
      if (!is_mirror(partial.route)) continue;
      found.things.push_back({id, std::nullopt});
      found.candidates.push_back({EvictionCandidate::Kind::partial, partial.route, on_disk(partial.bytes), partial.modified, false});
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
  auto blobs = catalog_->least_recently_used(route, blobs_max);
  if (!blobs) return failure(blobs.error());
  if (blobs->size() == blobs_max) found.complete = false;
  for (UsedBlob& blob : *blobs) {
    const auto manifests = catalog_->manifests_of(blob.digest);
    if (!manifests) return failure(manifests.error());
    const auto needed = is_needed_elsewhere(blob.digest);
    if (!needed) return failure(needed.error());
    const auto kind = manifests->empty() ? EvictionCandidate::Kind::blob : EvictionCandidate::Kind::manifest;
    found.candidates.push_back({kind, route, on_disk(blob.record.size), blob.record.used_at, *needed || blobs_.is_read(blob.digest)});
    found.things.push_back({{}, std::move(blob)});
  }
  return {};
}

// By a route that cannot fetch it again.
Result<bool> Store::is_needed_elsewhere(const Digest& digest) {
  const auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  return std::any_of(links->begin(), links->end(), [&](const RepositoryKey& repository) { return !is_mirror(repository.route); }) ||
         std::any_of(parents->begin(), parents->end(), [&](const Parent& parent) { return !is_mirror(parent.repository.route); });
}

Result<> Store::evict(const Evictable& thing) { return thing.blob ? evict_blob(*thing.blob) : evict_partial(thing.id); }

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
  const std::lock_guard lock(change_of(blob.digest));
  const auto record = catalog_->blob(blob.digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return {};
  // Asked again under the lock: a push may have come to need it.
  const auto needed = is_needed_elsewhere(blob.digest);
  if (!needed) return failure(needed.error());
  if (*needed) return {};
  const auto removed = blobs_.remove_if_unread(blob.digest);
  if (!removed && removed.error().kind != Error::Kind::not_found) return failure(removed.error());
  if (removed && !*removed) return {};
  if (auto forgotten = forget_record(blob.digest, *record); !forgotten) return forgotten;
  ++evicted_;
  log_.debug("blob_evicted", {{"digest", blob.digest.text()}, {"route", (*record)->route}, {"bytes", static_cast<int64_t>((*record)->size)}});
  return {};
}

}  // namespace breakwater::store
