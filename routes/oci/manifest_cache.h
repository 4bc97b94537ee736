// Manifests in memory, so that a warm one costs neither the disk nor a worker. An entry is right for ever,
// because its key holds the digest; the least recently used entry goes when the bound is reached. The key
// holds the repository too: whether a repository may see a manifest is decided before put(). A long one whose
// entry is gone is found for as long as anybody has its bytes, so that they are in memory once. Belongs to
// the loop's thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/base/digest.h"
#include "store/catalog/records.h"

namespace breakwater::routes {

class ManifestCache {
 public:
  explicit ManifestCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  struct Entry {
    std::string media_type;
    std::shared_ptr<const std::string> bytes;
  };
  std::optional<Entry> find(const store::RepositoryKey& repository, const store::Digest& digest);
  void put(const store::RepositoryKey& repository, const store::Digest& digest, Entry entry);
  void erase(const store::RepositoryKey& repository, const store::Digest& digest);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Kept {
    Entry entry;
    std::list<std::string>::iterator use;
  };
  struct Lent {
    std::string media_type;
    std::weak_ptr<const std::string> bytes;
  };
  void erase_entry(std::unordered_map<std::string, Kept>::iterator kept);

  uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  std::unordered_map<std::string, Kept> kept_;
  std::list<std::string> uses_;                 // most recently used first
  std::unordered_map<std::string, Lent> lent_;  // long ones
};

}  // namespace breakwater::routes
