#include "routes/mirror/negative_cache.h"

#include <utility>

namespace breakwater::routes {
namespace {

// Enough for any repository with a tag or a digest. Longer are queries that a client has made up, and many of
// these would take more memory than they spare upstream questions.
constexpr size_t kKeyBytesMax = 512;
constexpr size_t kMessageBytesMax = 1024;

}  // namespace

std::optional<Error> NegativeCache::find(const std::string& key, store::Time now) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  if (now < found->second.until) return found->second.error;
  entries_.erase(found);
  return std::nullopt;
}

void NegativeCache::put(const std::string& key, Error error, store::Time now,
                        store::Time::duration lifetime) {
  if (key.size() > kKeyBytesMax || error.message.size() > kMessageBytesMax) return erase(key);
  // Cleared as a whole, because a lost entry costs only one question to upstream.
  if (entries_.size() >= entries_max_) entries_.clear();
  Entry entry;
  entry.error = std::move(error);
  entry.until = now + lifetime;
  entries_[key] = std::move(entry);
}

}  // namespace breakwater::routes
