// The list of what is known to be broken in registries: blobs that are missing or unreadable although a
// manifest needs them, and tags whose manifest is missing. An entry is removed when the thing is healed, by a
// push of the same bytes, or when nothing needs the thing any more.
//
// May be called from any thread. Only note() blocks for longer than a mutex. When the list holds `things_max`
// entries, further ones are logged and not kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/catalog/catalog.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

// The tags that cannot be pulled whole without `digest`, through all that needs it.
struct Affected {
  std::set<std::string> routes;   // with a manifest that it is, or that needs it
  std::vector<std::string> tags;  // "private/app:1.2", at most as many as were asked for
  bool more_tags = false;
  std::string text() const;  // the tags in a line
};
[[nodiscard]] Result<Affected> affected_by(const Catalog& catalog, const Digest& digest, size_t tags_max);

// What a thing is says how to find out whether it still is.
struct BrokenThing {
  enum class Kind {
    missing,     // there is no blob `digest`
    unreadable,  // the disk does not give the bytes of blob `digest`
    dangling,    // `tag` names a manifest that its repository does not have
    lacking      // a manifest needs the child of `edge` as a manifest, and its repository has none such
  };
  Kind kind;
  Digest digest;
  std::optional<TagOf> tag = {};      // dangling
  std::set<std::string> routes = {};  // whose clients miss it: note() finds out
  std::optional<Edge> edge = {};      // lacking
  // Tags that cannot be pulled whole without it, some of them; and since when that is known (wall clock).
  // note() finds out.
  std::vector<std::string> tags = {};
  bool more_tags = false;
  Time since{};
  std::string name() const;  // one thing, one name
};

class Broken {
 public:
  // What it borrows outlives it.
  Broken(const Catalog& catalog, const RouteRules& rules, const Clock& clock, Log& log,
         size_t things_max = 10'000)
      : catalog_(catalog), rules_(rules), clock_(clock), log_(log), things_max_(things_max) {}

  using Thing = BrokenThing;

  // Adds it, with the routes and tags that it breaks, which the log names. False if it was known. May block.
  [[nodiscard]] Result<bool> note(Thing thing);
  void remove(const Thing& thing);  // if it is broken in this way
  // The blob is there again.
  void heal(const Digest& digest);

  // Records of the catalog that cannot be understood, all of them, in words. New ones are told to the log.
  void set_malformed(const std::set<std::string>& records);

  std::vector<Thing> things(size_t most = SIZE_MAX) const;
  size_t size() const;
  uint64_t malformed() const;                        // records
  std::map<std::string, uint64_t> by_route() const;  // things

 private:
  bool add(const Thing& thing);

  const Catalog& catalog_;
  const RouteRules& rules_;
  const Clock& clock_;
  Log& log_;
  const size_t things_max_;
  mutable Mutex mutex_;
  std::map<std::string, Thing> things_ GUARDED_BY(mutex_);  // by name
  std::set<std::string> malformed_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::store
