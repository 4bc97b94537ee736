// What would go, and when, and why: answers for the operator, as values. routes/ops makes words of them.
//
// All times are of the wall clock. Nothing is changed, and no lock is held from one read to the next, so an
// answer may mix the states before and after a push or a collection. Memory is bounded: at most kItemsMax
// items, and kUnderMax things under all of them together. May block; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class IdlePartials;

// Something that goes, with what only it needs.
struct Planned {
  enum class Kind {
    tag,     // `repository`, `tag`, by retention or with `digest`, as `reason` says
    digest,  // nothing needs it: a manifest or a blob
    cache,   // a cache tag: if room is needed, last used at `used_at`
    mirror,  // `bytes` of the mirror `route`, which is over its bound: if room is needed
    upload,  // `bytes` of an upload to `repository`, last continued at `used_at`: if room is needed, and not
             // before `when`; now if it was refused (`is_abandoned`)
    fill,    // `bytes` of a download of the mirror `route` that broke off: if room is needed
    left     // never by itself: `bytes` of `route`, which is not configured any more; see forgetting.h
  };
  enum class Cause { policy, orphan, belonging };  // why a tag goes
  // A manifest or a blob that goes with it, because nothing else has it.
  struct Under {
    Digest digest;
    uint64_t bytes = 0;  // on disk
    bool is_manifest = false;
  };
  Kind kind;
  std::optional<Time> when = {};  // empty: now; for `cache` and `mirror` when room is needed
  RepositoryKey repository = {};  // of a digest one that has it, if any does
  std::optional<NamedTag> tag = {};
  std::string reason = {};
  std::optional<Digest> digest = {};
  Time used_at = {};
  std::string route = {};
  uint64_t bytes = 0;  // on disk: its own, and of a tag or a digest what is under it
  bool is_abandoned = false;
  Cause cause = Cause::policy;
  bool is_manifest = false;       // of a digest
  Time since = {};                // when it was pushed or stored; zero if that is not known
  std::string id = {};            // of an upload
  std::vector<Under> under = {};  // some of them, if there are very many
  uint64_t under_total = 0;
};
struct Plan {
  std::vector<Planned> items;  // what goes now or at its time, then what would go if room were needed
  bool is_cut = false;         // there is more
};
// `conflict` soon after `stop` was told.
[[nodiscard]] Result<Plan> plan(const Parts& parts, const IdlePartials& partials,
                                const std::stop_token& stop);

}  // namespace breakwater::store
