// A negative cache: what upstream said that it does not have is believed for a short time. Clients ask for
// missing things again and again (containerd five times at once, cosign for every image), and upstream is not
// asked each time. Bounded. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::routes {

class NegativeCache {
 public:
  explicit NegativeCache(size_t entries_max = 4096) : entries_max_(entries_max) {}

  // The error to answer with, if one is remembered and has not expired.
  std::optional<Error> find(const std::string& key, store::Time now);
  void put(const std::string& key, Error error, store::Time now, store::Time::duration lifetime);
  void erase(const std::string& key) { entries_.erase(key); }

 private:
  struct Entry {
    Error error;
    store::Time until;
  };
  size_t entries_max_;
  std::map<std::string, Entry> entries_;
};

}  // namespace breakwater::routes
