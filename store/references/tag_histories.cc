#include "store/references/tag_histories.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "store/catalog/batch.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_walk.h"

namespace breakwater::store {
namespace {

constexpr size_t kRowsAtOnce = 1000;

Time newest_of(const TagHistoryRecord& record) {
  Time newest{};
  for (const auto& sighting : record.sightings) newest = std::max(newest, sighting.first_seen);
  return newest;
}

}  // namespace

Result<> TagHistories::put(const RepositoryKey& repository, const std::string& tag,
                           const TagHistoryRecord& record) {
  const auto known = catalog_.history(repository, tag, Reach::disk);
  const bool is_known = known && *known;
  if (is_known && (*known)->sightings == record.sightings) return {};
  if (!is_known) ++count_;
  Batch batch;
  batch.put_history(repository, tag, record);
  return catalog_.write(std::move(batch), Durability::buffered);
}

Result<> TagHistories::remove(const RepositoryKey& repository, const std::string& tag) {
  Batch batch;
  batch.delete_history(repository, tag);
  return catalog_.write(std::move(batch), Durability::buffered);
}

Result<> TagHistories::trim() {
  if (is_counted_ && count_ <= histories_max_) return {};
  const auto skip = [this](const Error& error) {
    log_.error("record_malformed", {{"error", error.message}});
  };
  // What is put during the walk may be counted twice, but is not missed.
  count_ = 0;
  std::vector<Time> times;
  for (std::string position;;) {
    const auto rows = catalog_.walk().next_histories(position, kRowsAtOnce, skip);
    if (!rows) return failure(rows.error());
    for (const TagHistory& row : *rows) times.push_back(newest_of(row.record));
    if (rows->size() < kRowsAtOnce) break;
  }
  count_ += times.size();
  is_counted_ = true;
  if (times.size() <= histories_max_) return {};
  const size_t surplus = times.size() - histories_max_ + histories_max_ / 10;
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(surplus - 1), times.end());
  return remove_not_newer_than(times[surplus - 1]);
}

Result<> TagHistories::remove_not_newer_than(Time newest) {
  size_t removed = 0;
  for (std::string position;;) {
    const auto rows = catalog_.walk().next_histories(position, kRowsAtOnce, [](const Error&) {});
    if (!rows) return failure(rows.error());
    Batch batch;
    for (const TagHistory& row : *rows) {
      if (newest_of(row.record) > newest) continue;
      batch.delete_history(row.repository, row.tag);
      ++removed;
    }
    auto written = batch.empty() ? Result<>() : catalog_.write(std::move(batch), Durability::buffered);
    if (!written) return written;
    if (rows->size() < kRowsAtOnce) break;
  }
  count_ -= removed;
  log_.info("tag_histories_trimmed", {{"removed", static_cast<int64_t>(removed)}});
  return {};
}

}  // namespace breakwater::store
