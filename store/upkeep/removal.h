// Removes what an operator names: `purge` of a mirror, `rm` of a registry. Each is planned first, as values,
// and what is done is told in the same shape.
//
//   plan_removal()  what would go and what would stay, and by whom it is kept; changes nothing
//   remove()        plans, and does it
//
// A tag goes if the pattern matches it. A manifest goes if it went with those tags: no other tag names it, no
// manifest that stays needs it, and its subject does not stay. A blob goes if no repository, of any route,
// has it then. What a pin covers stays, and so does all that it needs.
//
//   of a mirror    all goes at once, and the next client has it fetched anew. What somebody reads just now is
//                  read to its end. What another route has too counts for that from then on.
//   of a registry  the tags go, as by DELETE over HTTP. The rest goes by collection: not before the lease,
//   nor
//                  before `untagged_after`; `Manifest::goes_after` says when. What a client pushes or is told
//                  meanwhile stays.
//
// References decides again about each thing, under its lock, so a push in between loses nothing: what it has
// come to need stays, and is not among what is told to be done. Of a whole repository, a removal that was
// stopped is gone on with by the next call; what is left of a tag goes like all that nothing names. At most
// kThingsMax tags, manifests and blobs are taken together: a larger one is done in parts (`is_cut`), of which
// each is whole. May block, for minutes; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"
#include "store/references/image_pattern.h"

namespace breakwater::store {

class Blobs;
class Trash;

struct Removal {
  struct Tag {
    RepositoryKey repository;
    NamedTag tag;
    bool belongs = false;  // to a manifest that goes, by its name: it goes with that
  };
  struct Manifest {
    RepositoryKey repository;
    Digest digest;
    std::string media_type;
    uint64_t size = 0;
    std::optional<Time> goes_after = {};  // wall clock; empty: at once
  };
  // A blob that leaves a repository. The bytes of manifests are blobs too.
  struct Blob {
    Digest digest;
    uint64_t bytes = 0;  // on disk
  };
  // What stays although it was named, or is under what goes.
  struct Kept {
    enum class Kind { tag, manifest, blob };
    enum class By {
      pin,
      tag,        // `name` names it
      manifest,   // `digest` needs it
      subject,    // it refers to `digest`, which stays
      repository  // `other` has it too
    };
    Kind kind;
    RepositoryKey repository;
    std::string tag;  // of a tag
    std::optional<Digest> digest = {};
    By by = By::pin;
    std::string name = {};
    std::optional<Digest> by_digest = {};
    std::optional<RepositoryKey> other = {};
    uint64_t bytes = 0;  // on disk, of a blob
  };
  std::vector<Tag> tags;
  std::vector<Manifest> manifests;  // those that need others first
  std::vector<Blob> blobs;          // that nobody has any more
  std::vector<Kept> kept;           // at most kKeptMax
  uint64_t kept_total = 0;
  uint64_t links = 0;   // blobs that leave a repository, whoever has them still
  uint64_t bytes = 0;   // on disk, given back; of a registry when the last has gone
  bool is_cut = false;  // there is more: it was stopped, or is more than kThingsMax
  bool is_of_mirror = false;
  static constexpr size_t kThingsMax = 100'000;
  static constexpr size_t kKeptMax = 1000;
};

struct Removing {
  const Parts& parts;
  Blobs& blobs;
  Trash& trash;
  size_t things_max = Removal::kThingsMax;
};
// Both: `not_found` if nothing matches.
[[nodiscard]] Result<Removal> plan_removal(const Removing& removing, const ImagePattern& what,
                                           const std::stop_token& stop);
// `gone` is told of each manifest of a mirror that is gone, by the thread that calls.
using ManifestGone = std::function<void(const RepositoryKey& repository, const Digest& digest)>;
[[nodiscard]] Result<Removal> remove(const Removing& removing, const ImagePattern& what,
                                     const ManifestGone& gone, const std::stop_token& stop);

}  // namespace breakwater::store
