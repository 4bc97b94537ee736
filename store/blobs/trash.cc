#include "store/blobs/trash.h"

#include <utility>

#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"

namespace breakwater::store {

Trash::Hold::Hold(Trash& trash) : trash_(trash) {
  const Lock lock(trash_.mutex_);
  ++trash_.holds_;
}

Trash::Hold::~Hold() {
  const Lock lock(trash_.mutex_);
  --trash_.holds_;
  ++trash_.holds_ended_;
}

bool Trash::is_held() const {
  const Lock lock(mutex_);
  return holds_ > 0;
}

uint64_t Trash::holds_ended() const {
  const Lock lock(mutex_);
  return holds_ended_;
}

void Trash::add(Trashed blob) {
  const Lock lock(mutex_);
  blobs_.push_back(std::move(blob));
}

Result<> Trash::empty(std::vector<Freed>* freed) {
  std::vector<Trashed> blobs;
  {
    const Lock lock(mutex_);
    while (is_emptying_) emptied_.wait(mutex_);
    if (holds_ > 0 || blobs_.empty()) return {};
    blobs.swap(blobs_);
    is_emptying_ = true;
  }
  Result<> done = parts_.catalog.sync();
  if (done) {
    std::erase_if(blobs, [&](const Trashed& blob) {
      const auto file = freed != nullptr ? parts_.files.stat_trashed(blob.digest) : Result<FileStat>();
      const auto gone = free_bytes(blob);
      if (!gone && done) done = gone;
      if (gone && freed != nullptr) freed->push_back({on_disk(blob.bytes), file && file->names > 1});
      return gone.has_value();
    });
  }
  const Lock lock(mutex_);
  for (Trashed& blob : blobs) blobs_.push_back(std::move(blob));
  is_emptying_ = false;
  emptied_.notify_all();
  return done;
}

Result<> Trash::free(Trashed blob) {
  if (is_held()) {
    add(std::move(blob));
    return {};
  }
  auto freed = free_bytes(blob);
  if (!freed) add(std::move(blob));
  return freed;
}

Result<> Trash::free_bytes(const Trashed& blob) {
  const Budget::Deletion deletion(parts_.budget);
  auto deleted = parts_.files.delete_trashed(blob.digest);
  if (!deleted && deleted.error().kind != Error::Kind::not_found) {
    parts_.mark.forgo();
    return deleted;
  }
  parts_.budget.release(blob.route, blob.bytes);
  return {};
}

}  // namespace breakwater::store
