// What the last search for room in mirrors has left, if it was in vain: all else is pinned, or a registry
// needs it. A search looks at very many blobs, so none is made that is known to be as vain:
//
//   the pins are the same, and what could go when it was looked at, with all that has come since, is less
//   than what is needed
//
// A tag that moves on, or a registry's manifest that goes, may leave a blob that nothing keeps any more, and
// nobody tells it here: so a search counts for kVainFor. Belongs to whoever makes room.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "store/base/clock.h"
#include "store/capacity/budget.h"
#include "store/references/pins.h"

namespace breakwater::store {

class VainSearch {
 public:
  static constexpr std::chrono::seconds kVainFor{10};
  using Bytes = std::map<std::string, uint64_t>;  // by route

  struct Left {
    Bytes evictable;  // those that somebody reads, too: they may go in a moment
    Bytes pinned;     // that only a pin keeps
  };
  // What stands on the accounts of mirrors, pinned or not.
  struct Now {
    std::shared_ptr<const Pins::List> pins;
    Bytes taken;
    Time at{};
  };
  void note(Left left, Now now);
  // What the last search has left, if another one for as much would be in vain; else null. Valid until the
  // next call of anything.
  const Left* find(const std::string& route, const Budget::Shortage& needed, const Now& now);

 private:
  struct Search {
    Left left;
    Now then;
  };
  std::optional<Search> last_;
};

}  // namespace breakwater::store
