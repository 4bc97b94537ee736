#include "store/blobs/idle_partials.h"

#include "store/base/disk.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"

namespace breakwater::store {

void IdlePartials::add(const std::string& id, const IdlePartial& partial) {
  const Lock lock(mutex_);
  partials_[id] = Entry{partial, false};
}

std::optional<IdlePartial> IdlePartials::claim(const std::string& id) {
  const Lock lock(mutex_);
  for (;;) {
    const auto found = partials_.find(id);
    if (found == partials_.end()) return std::nullopt;
    if (!found->second.is_going) {
      IdlePartial claimed = std::move(found->second.partial);
      partials_.erase(found);
      return claimed;
    }
    evicted_.wait(mutex_);
  }
}

std::optional<IdlePartial> IdlePartials::find(const std::string& id) const {
  const Lock lock(mutex_);
  const auto found = partials_.find(id);
  if (found == partials_.end() || found->second.is_going) return std::nullopt;
  return found->second.partial;
}

std::vector<std::pair<std::string, IdlePartial>> IdlePartials::list() const {
  const Lock lock(mutex_);
  std::vector<std::pair<std::string, IdlePartial>> all;
  for (const auto& [id, entry] : partials_) {
    if (!entry.is_going) all.emplace_back(id, entry.partial);
  }
  return all;
}

std::map<std::string, IdlePartials::Sum> IdlePartials::sums() const {
  const Lock lock(mutex_);
  std::map<std::string, Sum> sums;
  for (const auto& [id, entry] : partials_) {
    Sum& sum = sums[entry.partial.route];
    ++sum.partials;
    sum.bytes += on_disk(entry.partial.bytes);
  }
  return sums;
}

Result<> IdlePartials::evict(const std::string& id) {
  IdlePartial partial;
  uint64_t eviction = 0;
  {
    const Lock lock(mutex_);
    auto found = partials_.find(id);
    while (found != partials_.end() && found->second.is_going) {
      evicted_.wait(mutex_);
      found = partials_.find(id);
    }
    if (found == partials_.end()) return {};
    found->second.is_going = true;
    partial = found->second.partial;
    eviction = *evictions_.insert(evictions_begun_++).first;
  }
  const Budget::Deletion deletion(parts_.budget);
  auto deleted = parts_.files.delete_partial(id);
  const bool is_gone = deleted || deleted.error().kind == Error::Kind::not_found;
  // Before a receiver that waits begins anew under this id, with a record of its own.
  if (is_gone) delete_record(id);
  if (is_gone) parts_.budget.release(partial.route, partial.bytes);
  const Lock lock(mutex_);
  if (is_gone) partials_.erase(id);
  if (!is_gone) partials_[id].is_going = false;
  evictions_.erase(eviction);
  evicted_.notify_all();
  return is_gone ? Result<>() : deleted;
}

// Not for those that begin meanwhile, of which there may always be one.
void IdlePartials::wait_for_evictions() {
  const Lock lock(mutex_);
  const uint64_t begun = evictions_begun_;
  while (!evictions_.empty() && *evictions_.begin() < begun) evicted_.wait(mutex_);
}

void IdlePartials::delete_record(const std::string& id) {
  Batch batch;
  batch.delete_upload(id);
  if (auto written = parts_.catalog.write(std::move(batch), Durability::buffered); !written) {
    parts_.log.warning("catalog_write_failed", {{"error", written.error().message}});
  }
}

}  // namespace breakwater::store
