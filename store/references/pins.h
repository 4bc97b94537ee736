// Pins: what an operator wants kept, whatever room is needed. They are records of the catalog, so they are in
// a backup and survive a restart; this class has them in memory, because each eviction asks for them. Only
// References changes them.
//
//   of a mirror    what a pin covers is not evicted: manifests that it names or whose tags it names, and all
//                  under them, with what refers to them. A pin of a whole repository covers its blobs too.
//                  What comes later is covered when it comes; what a tag does not name any more is not.
//   of a registry  its tags are deleted neither by retention nor for room. A client may delete them.
//
// There are at most kPinsMax. Any thread; nothing here blocks but is_pinned() and load().
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/catalog.h"
#include "store/references/image_pattern.h"

namespace breakwater::store {

struct Pin {
  ImagePattern what;
  Time pinned_at{};  // wall clock
};

class Pins {
 public:
  static constexpr size_t kPinsMax = 1000;
  using List = std::vector<Pin>;

  [[nodiscard]] Result<> load(const Catalog& catalog);
  std::shared_ptr<const List> list() const;
  // Of one route. Empty for most.
  bool has_any_of(const std::string& route) const;
  // Whether a tag of a registry is kept.
  bool covers_tag(const RepositoryKey& repository, const std::string& tag) const;

  // Room was needed and could not be made, and `bytes` of `route` would have gone were they not pinned. True
  // if nobody was told within the last hour.
  bool note_in_the_way(const std::string& route, uint64_t bytes, Time now);
  // By route, for as long as the pins are the same: bytes that were in the way when room was needed last.
  std::map<std::string, uint64_t> in_the_way() const;

 private:
  friend class References;
  void add(const Pin& pin);
  void remove(const ImagePattern& what);
  void replace(List list);

  struct InTheWay {
    uint64_t bytes = 0;
    Time told_at{};
  };
  mutable Mutex mutex_;
  std::shared_ptr<const List> list_ GUARDED_BY(mutex_) = std::make_shared<const List>();
  std::map<std::string, InTheWay> in_the_way_ GUARDED_BY(mutex_);
};

// Whether a pin of a mirror keeps the digest. It is found upwards, from the digest to the tags, so that what
// comes later is covered without any record. A digest that very many repositories have, or manifests of one
// need, counts as pinned if a pin is about any of them and the search would be too long: rather kept than
// evicted. May block.
[[nodiscard]] Result<bool> is_pinned(const Catalog& catalog, const Pins& pins, const Digest& digest);
// The same of a manifest or a blob in one repository.
[[nodiscard]] Result<bool> is_pinned_in(const Catalog& catalog, const Pins& pins,
                                        const RepositoryKey& repository, const Digest& digest);

}  // namespace breakwater::store
