#include "store/capacity/disk_bound.h"

#include <algorithm>

#include "store/files/files.h"

namespace breakwater::store {
namespace {

// Kept free for what no budget counts: the file system's own blocks, and the catalog's growth between two
// measurements. At least:
constexpr uint64_t kMarginBytes = 16ULL << 20;
constexpr uint64_t kMarginOfTotal = 8;   // but never more than this part of a small file system
constexpr uint64_t kGrowthOfBound = 16;  // nor of a small store

constexpr int kRoundsMax = 12;

// After so many files in a row that had other names nothing goes for the disk's sake until the disk has got
// back what they held, or a while has passed.
constexpr size_t kInVainMax = 4;
constexpr auto kInVainPause = std::chrono::hours(1);

// A bound that was not reached for so long is told of again.
constexpr auto kToldAgainAfter = std::chrono::hours(1);

}  // namespace

// All our files may take what they take now and what the disk has left. What they take is asked before what
// is left, so that bytes written in between only make the bound smaller; and asked again if something was
// committed or deleted in between, which would be counted twice.
void DiskBound::measure() {
  for (int round = 0; round < kRoundsMax; ++round) {
    const uint64_t deletions = budget_.deletions();
    if (budget_.is_deleting()) continue;
    const uint64_t stored = budget_.whole().stored;
    const uint64_t ours = stored + budget_.overhead() + files_.receiving_bytes();
    const auto space = disk_.space(data_);
    if (!space) {
      log_.warning("disk_space_unknown", {{"error", space.error().message}});
      return;
    }
    const bool is_same = budget_.whole().stored == stored && budget_.deletions() == deletions;
    if (!is_same || budget_.is_deleting()) continue;
    const Lock lock(mutex_);
    space_ = *space;
    const uint64_t margin = std::min(std::max(kMarginBytes, growth_), space->total / kMarginOfTotal);
    ours_and_free_ = ours + space->available;
    budget_.set_disk_bound(std::max(ours_and_free_, margin) - margin);
    const bool is_back = ours_and_free_ >= in_vain_.ours_and_free + in_vain_.bytes / 2;
    if (in_vain_.files > 0 && (is_back || clock_.now() - in_vain_.since >= kInVainPause)) in_vain_ = {};
    return;
  }
}

std::optional<DiskSpace> DiskBound::space() const {
  const Lock lock(mutex_);
  return space_;
}

void DiskBound::set_growth(uint64_t bytes) {
  {
    const Lock lock(mutex_);
    growth_ = bytes;
  }
  budget_.set_headroom(std::min(bytes, budget_.whole().bytes_max / kGrowthOfBound));
}

Budget::Shortage DiskBound::curable_shortage(const std::string& route, uint64_t size) const {
  Budget::Shortage needed = budget_.shortage(route, size);
  if (frees_nothing()) needed.whole = std::min(needed.whole, shortage_of_store(size));
  return needed;
}

bool DiskBound::is_curable(const std::string& route, uint64_t size) const {
  const Budget::Shortage needed = curable_shortage(route, size);
  return needed.route > 0 || needed.whole > 0;
}

bool DiskBound::is_short(uint64_t size) const {
  return budget_.shortage({}, size).whole > shortage_of_store(size);
}

bool DiskBound::frees_nothing() const {
  const Lock lock(mutex_);
  return in_vain_.files >= kInVainMax;
}

void DiskBound::note_full(const std::string& route, uint64_t size, const Error& error) {
  const bool is_of_route = budget_.shortage(route, size).route > 0;
  const bool is_of_disk = !is_of_route && is_short(size);
  const std::string bound = is_of_route ? "route " + route : is_of_disk ? "disk" : "store";
  {
    const Lock lock(mutex_);
    const auto now = clock_.now();
    const auto [known, is_new] = reached_.emplace(bound, now);
    const auto before = std::exchange(known->second, now);
    if (!is_new && now - before < kToldAgainAfter) return;
  }
  if (is_of_disk) {
    log_.warning("disk_full", {{"reason", error.message}, {"advice", error.remedy}});
  } else {
    log_.info("bound_reached", {{"bound", bound}, {"reason", error.message}, {"advice", error.remedy}});
  }
}

void DiskBound::note_deleted(uint64_t bytes, bool had_other_name) {
  if (!had_other_name) {
    const Lock lock(mutex_);
    in_vain_ = {};
    return;
  }
  const bool was_known = frees_nothing();
  measure();
  InVain now;
  {
    const Lock lock(mutex_);
    in_vain_ = now = {in_vain_.files + 1, in_vain_.bytes + bytes, ours_and_free_, clock_.now()};
  }
  if (was_known || now.files < kInVainMax) return;
  log_.warning("eviction_frees_nothing", {{"files", static_cast<int64_t>(now.files)},
                                          {"bytes", static_cast<int64_t>(now.bytes)},
                                          {"reason", "the files have other names, of a backup maybe"}});
}

// As Budget::shortage() would say of the whole, were the disk endless.
uint64_t DiskBound::shortage_of_store(uint64_t size) const {
  const Budget::Use whole = budget_.whole();
  if (whole.bytes_max == Budget::kUnbounded) return 0;
  const uint64_t wanted = whole.taken() + budget_.overhead() + on_disk(size);
  return wanted - std::min(wanted, whole.bytes_max - std::min(whole.bytes_max, budget_.headroom()));
}

}  // namespace breakwater::store
