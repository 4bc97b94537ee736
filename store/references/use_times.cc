#include "store/references/use_times.h"

#include <map>
#include <utility>
#include <vector>

namespace breakwater::store {
namespace {

// A pull of a hot blob changes its record at most once in this time.
constexpr auto kGranularity = std::chrono::minutes(1);

}  // namespace

void UseTimes::note(const Digest& digest) {
  const Time now = clock_.now();
  const Lock lock(mutex_);
  noted_.insert_or_assign(digest, now);
}

Result<> UseTimes::flush() {
  std::unordered_map<Digest, Time, DigestHash> noted;
  {
    const Lock lock(mutex_);
    noted.swap(noted_);
  }
  // One batch for each lock, so that none is held for long and few writes are made.
  std::map<size_t, std::vector<std::pair<Digest, Time>>> by_lock;
  for (const auto& use : noted) by_lock[DigestLocks::index_of(use.first)].emplace_back(use);
  for (const auto& [index, uses] : by_lock) {
    const DigestLock lock = locks_.lock(index);
    Batch batch;
    for (const auto& [digest, used_at] : uses) add(batch, digest, used_at);
    if (batch.empty()) continue;
    if (auto written = catalog_.write(std::move(batch), Durability::buffered); !written) return written;
  }
  return {};
}

void UseTimes::add(Batch& batch, const Digest& digest, Time used_at) {
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) log_.warning("use_not_noted", {{"digest", digest.text()}, {"error", record.error().message}});
  if (!record || !*record || used_at - (*record)->used_at < kGranularity) return;
  BlobRecord used = **record;
  used.used_at = used_at;
  batch.put_blob(digest, used, *record);
}

}  // namespace breakwater::store
