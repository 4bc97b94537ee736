#include "store/files/open_files.h"

#include <utility>

namespace breakwater::store {

std::optional<Blob> OpenFiles::find(const Digest& digest) {
  const Lock lock(mutex_);
  const auto found = open_.find(digest);
  if (found == open_.end()) return std::nullopt;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.blob;
}

bool OpenFiles::is_read(const Digest& digest) const {
  const Lock lock(mutex_);
  const auto found = open_.find(digest);
  return found != open_.end() && found->second.blob.file.use_count() > 1;
}

void OpenFiles::put(const Blob& blob) {
  std::vector<SharedFile> closed;
  const Lock lock(mutex_);
  closed = put_locked(blob);
}

bool OpenFiles::put_unless_deleted(const Blob& blob, uint64_t deletions) {
  std::vector<SharedFile> closed;
  const Lock lock(mutex_);
  if (deletions_ != deletions) return false;
  closed = put_locked(blob);
  return true;
}

uint64_t OpenFiles::deletions() const {
  const Lock lock(mutex_);
  return deletions_;
}

SharedFile OpenFiles::take(const Digest& digest) {
  const Lock lock(mutex_);
  ++deletions_;
  return take_locked(digest);
}

bool OpenFiles::take_unless_read(const Digest& digest, SharedFile& file) {
  const Lock lock(mutex_);
  const auto found = open_.find(digest);
  // Copies are only made under the mutex, so a file that nobody else holds now stays with us alone.
  if (found != open_.end() && found->second.blob.file.use_count() > 1) return false;
  ++deletions_;
  file = take_locked(digest);
  return true;
}

SharedFile OpenFiles::take_locked(const Digest& digest) {
  const auto found = open_.find(digest);
  if (found == open_.end()) return nullptr;
  SharedFile file = std::move(found->second.blob.file);
  uses_.erase(found->second.use);
  open_.erase(found);
  return file;
}

std::vector<SharedFile> OpenFiles::put_locked(const Blob& blob) {
  std::vector<SharedFile> closed;
  if (const auto found = open_.find(blob.digest); found != open_.end()) {
    closed.push_back(std::exchange(found->second.blob.file, blob.file));
    found->second.blob.size = blob.size;
    uses_.splice(uses_.begin(), uses_, found->second.use);
    return closed;
  }
  uses_.push_front(blob.digest);
  open_.emplace(blob.digest, OpenBlob{blob, uses_.begin()});
  return trim();
}

std::vector<SharedFile> OpenFiles::trim() {
  return open_.size() > files_max_ ? take_idle_locked(open_.size() - files_max_) : std::vector<SharedFile>();
}

std::vector<SharedFile> OpenFiles::take_idle(size_t count) {
  const Lock lock(mutex_);
  return take_idle_locked(count);
}

std::vector<SharedFile> OpenFiles::take_idle_locked(size_t count) {
  std::vector<SharedFile> taken;
  // What somebody reads stays in the table: that is how take_unless_read() knows.
  auto candidate = uses_.end();
  while (taken.size() < count && candidate != uses_.begin()) {
    --candidate;
    const auto found = open_.find(*candidate);
    if (found->second.blob.file.use_count() > 1) continue;
    taken.push_back(std::move(found->second.blob.file));
    open_.erase(found);
    candidate = uses_.erase(candidate);
  }
  return taken;
}

}  // namespace breakwater::store
