#include "routes/oci/manifest_cache.h"

namespace breakwater::routes {
namespace {

std::string key_of(const store::RepositoryKey& repository, const store::Digest& digest) {
  const auto bytes = digest.bytes();
  std::string key;
  key.reserve(bytes.size() + repository.route.size() + repository.repository.size() + 1);
  key.append(bytes.begin(), bytes.end());
  key.append(repository.route).append(1, '\0').append(repository.repository);
  return key;
}

constexpr size_t kLongBytes = 64 << 10;  // what is shorter may be in memory twice

// The bytes, the key and an estimate of the overhead of the two containers.
uint64_t cost_of(const std::string& key, const ManifestCache::Entry& entry) {
  return entry.bytes->size() + 2 * key.size() + 256;
}

}  // namespace

std::optional<ManifestCache::Entry> ManifestCache::find(const store::RepositoryKey& repository,
                                                        const store::Digest& digest) {
  const auto key = key_of(repository, digest);
  auto found = kept_.find(key);
  if (found == kept_.end()) {
    const auto lent = lent_.find(key);
    auto bytes = lent == lent_.end() ? nullptr : lent->second.bytes.lock();
    return bytes ? std::optional(Entry(lent->second.media_type, std::move(bytes))) : std::nullopt;
  }
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.entry;
}

void ManifestCache::put(const store::RepositoryKey& repository, const store::Digest& digest, Entry entry) {
  erase(repository, digest);
  auto key = key_of(repository, digest);
  const auto cost = cost_of(key, entry);
  if (entry.bytes->size() > kLongBytes) {
    std::erase_if(lent_, [](const auto& lent) { return lent.second.bytes.expired(); });
    lent_[key] = Lent(entry.media_type, entry.bytes);
  }
  if (cost > bytes_max_ / 4) return;  // one giant must not clear the cache
  while (bytes_ + cost > bytes_max_) erase_entry(kept_.find(uses_.back()));
  uses_.push_front(key);
  Kept kept;
  kept.entry = std::move(entry);
  kept.use = uses_.begin();
  kept_.emplace(std::move(key), std::move(kept));
  bytes_ += cost;
}

void ManifestCache::erase(const store::RepositoryKey& repository, const store::Digest& digest) {
  const auto key = key_of(repository, digest);
  lent_.erase(key);
  if (auto found = kept_.find(key); found != kept_.end()) erase_entry(found);
}

void ManifestCache::erase_entry(std::unordered_map<std::string, Kept>::iterator kept) {
  bytes_ -= cost_of(kept->first, kept->second.entry);
  uses_.erase(kept->second.use);
  kept_.erase(kept);
}

}  // namespace breakwater::routes
