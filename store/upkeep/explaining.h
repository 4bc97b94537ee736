// Why something is kept: answers for the operator, as values. routes/ops makes words of them. What would go
// is in planning.h.
//
// All times are of the wall clock. Nothing is changed, and no lock is held from one read to the next, so an
// answer may mix the states before and after a push or a collection. May block; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

// What its policy says of a tag.
struct TagStanding {
  enum class Kind {
    plain,  // retention applies as to any other
    protected_,
    cache,    // goes when room is needed
    follows,  // stays as long as `subject` is here, and goes with it
    orphan    // its subject is not here: goes after `until`
  };
  Kind kind = Kind::plain;
  std::optional<Digest> subject = {};
  Time until = {};
};

// One thing that keeps a digest in its repository, and what keeps that in turn.
struct Reason {
  enum class Kind {
    tag,         // `tag`, with `standing`
    parent,      // the manifest `digest` needs it
    subject,     // it refers to the manifest `digest`, which is here or not
    lease,       // a client was told of it: `until`
    mirror,      // it was pulled through a mirror, and goes when it is the least recently used
    promise,     // nothing names it, but untagged_after keeps it: `until`
    lease_only,  // nothing keeps it but the lease of the digest that was asked about
    more,        // something does, further up than is told, or beside 10 000 tags that are
    nothing      // it goes: after `until`, or now if that is empty
  };
  Kind kind;
  std::string tag = {};
  TagStanding standing = {};
  std::optional<Digest> digest = {};
  Time until = {};
  std::vector<Reason> because =
      {};  // of a parent and a subject: what keeps that; empty if it was told before
};

struct Why {
  Digest digest;
  std::optional<BlobRecord> blob;  // empty: not stored
  std::optional<Time> leased_until;
  struct InRepository {
    RepositoryKey repository;
    std::optional<Time> pushed_at;  // if it is a manifest there
    std::vector<Reason> reasons;
  };
  std::vector<InRepository> repositories;
};
[[nodiscard]] Result<Why> why(const Parts& parts, const Digest& digest);

struct WhyTag {
  RepositoryKey repository;
  NamedTag tag;
  TagStanding standing;
  Why why;
};
// In every route that has a tag of this name; `not_found` if none has.
[[nodiscard]] Result<std::vector<WhyTag>> why(const Parts& parts, const std::string& repository,
                                              const std::string& tag);

}  // namespace breakwater::store
