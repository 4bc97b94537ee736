// References records who needs what: tags, manifests, the edges between them, links and referrers; and it
// leases what clients were told (leases.h).
//
// Each call is one transaction: it reads, decides and writes, and takes effect as a whole or not at all. No
// conflicting change comes in between. So nothing that a client relies on is deleted during a push, and no
// push succeeds that names something which is just being deleted. Callers need not know of batches, nor of
// any lock but the digest's.
//
// This is the seam for a second engine. One that keeps the catalog in PostgreSQL would stand behind these
// calls with BEGIN … COMMIT in each of them (SERIALIZABLE, or a row lock on the digests that it names), where
// this one has a mutex and a RocksDB batch, and behind the reads of Catalog with SELECTs; nothing else would
// change. The calls that take a DigestLock move the file of that digest too, because the record and the file
// must go together: a second engine keeps that order - file, then record; on an error the file back.
//
// Locks: a digest's lock (digest_locks.h) is taken before the lock of References. What is acknowledged is
// synced after the lock of References is released, so that other changes need not wait for the disk. The only
// sync under that lock is the one of a folder, when an error makes References put a file back from the trash.
//
// Everything may block, and may be called from any thread.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/rows.h"
#include "store/references/leases.h"
#include "store/references/manifest_content.h"

namespace breakwater::store {

class Broken;
class Catalog;
class Change;
class CleanMark;
class DigestLock;
class Files;
class Pins;
class RouteRules;
class StoreClock;
class UseTimes;
struct BrokenThing;
struct ImagePattern;
struct Uses;

// A blob that has left the catalog, and whose file is in the trash. Its bytes are still on the account of
// `route`.
struct Trashed {
  Digest digest;
  std::string route;
  uint64_t bytes = 0;
  Time used_at{};
};

class References {
 public:
  // What it borrows outlives it.
  References(Catalog& catalog, Files& files, Leases& leases, UseTimes& use_times, Broken& broken,
             CleanMark& mark, Pins& pins, const RouteRules& rules, StoreClock& clock, Log& log);

  // --- adding

  // Records a blob whose file is already in its place: writes the blob's record and the repository's link,
  // and deletes the record of the upload `upload`. A blob of a registry is also leased, until the manifest
  // that needs the blob comes, and queued for a review in case no manifest comes. Synced if `durability` says
  // so. `previous` is the blob's record so far, if there was one.
  [[nodiscard]] Result<> add_blob(const DigestLock& lock, const Digest& digest, const BlobRecord& record,
                                  const std::optional<BlobRecord>& previous, const RepositoryKey& repository,
                                  const std::string& upload, Durability durability);
  // Records the bytes of a manifest before the manifest itself is added. With `review_after` the digest is
  // queued for a review, in case the process stops before add_manifest().
  [[nodiscard]] Result<> add_manifest_bytes(const DigestLock& lock, const Digest& digest,
                                            const BlobRecord& record,
                                            const std::optional<BlobRecord>& previous,
                                            std::optional<Time> review_after);
  // Adds a manifest whose bytes are stored, with its edges, its referrer and `tags`. With `needs_children`
  // the children that the repository lacks are returned, and nothing is written if there are any; `invalid`
  // as missing_children(). `adopted`, children before parents, become manifests of the repository with it.
  // `review_after` is the time of the review that add_manifest_bytes() has queued; that review is removed.
  // A registry's manifest that a tag or a parent names keeps its media type and its subject, whatever its
  // bytes are called now; each of `tags` has the type that it was pushed as. `conflict`, and nothing is
  // written, if one of `tags` is immutable and names another manifest. Not synced: the caller syncs the
  // catalog.
  struct NewManifest {
    const RepositoryKey& repository;
    const Digest& digest;
    const ManifestContent& content;
    const std::vector<std::string>& tags;
    bool needs_children = false;
    std::optional<Time> review_after = {};
    std::span<const ChildManifest> adopted = {};
  };
  [[nodiscard]] Result<std::vector<Digest>> add_manifest(const DigestLock& lock, const NewManifest& manifest);
  // Writes a tag's record as it is given: a mirror notes when upstream confirmed the tag, and an import sets
  // the time of the push, from which its place in the order of pushes follows. `not_found` if the repository
  // does not have the manifest (any more). A registry's tag is moved to another manifest by add_manifest()
  // only, because put_tag() queues no review.
  [[nodiscard]] Result<> put_tag(const RepositoryKey& repository, const std::string& tag,
                                 const TagRecord& record, Durability durability);
  // Sets a tag that is taken over from elsewhere, as old as `record` says; what it named before is reviewed.
  // False, and nothing is written, if the tag is not `before` any more: whoever has pushed it meanwhile, or
  // deleted it, goes before; and if it is immutable and names another manifest. `not_found` as of put_tag().
  // Not synced.
  [[nodiscard]] Result<bool> take_tag(const RepositoryKey& repository, const std::string& tag,
                                      const TagRecord& record, const std::optional<TagRecord>& before);
  // Upstream says that the repository of this mirror has the blob. Nothing is kept of that if the blob is not
  // stored: whoever fetches it asks upstream again, and a link without a blob would stay for ever.
  [[nodiscard]] Result<> link(const RepositoryKey& repository, const Digest& digest);
  // Lets `to` serve a blob that a repository of the same route may serve: the one called `from`, or any if
  // that is empty. False if none may. Leased and synced.
  [[nodiscard]] Result<bool> mount(const RepositoryKey& to, const std::string& from, const Digest& digest);

  // --- telling a client, who may rely on it for as long as the lease

  struct LeasedManifest {
    Digest digest;
    ManifestRecord record;
  };
  // Leases a manifest that the repository has, or that one of its tags names. The children take no lease of
  // their own: they stay because the manifest stays, and if it is deleted they inherit what is left of its
  // lease. `not_found` if the
  // repository has no such manifest or its bytes are lost; `would_block` if the answer is not in memory.
  // Never blocks for Reach::memory.
  [[nodiscard]] Result<LeasedManifest> lease_manifest(const RepositoryKey& repository, const Digest& digest,
                                                      Reach reach, Leases::Kind kind = Leases::Kind::read);
  [[nodiscard]] Result<LeasedManifest> lease_tag(const RepositoryKey& repository, const std::string& tag,
                                                 Reach reach, Leases::Kind kind = Leases::Kind::read);

  // --- deleting, because a client asks for it. Synced. `not_found` if it is not there.

  [[nodiscard]] Result<> delete_tag(const RepositoryKey& repository, const std::string& tag);
  // With the tags that name it, and those that belong to it. `conflict`, naming who, while another manifest
  // of the repository needs it.
  [[nodiscard]] Result<> delete_manifest(const RepositoryKey& repository, const Digest& digest);
  // Takes a blob out of the repository. `conflict` likewise, and if it is a manifest.
  [[nodiscard]] Result<> delete_link(const RepositoryKey& repository, const Digest& digest);
  // For retention, eviction and removal (upkeep/removal.h). False if the tag was pushed again since it was
  // read as `tag`: then it is another promise; and if a pin covers it. Not synced: if the power goes, it is
  // decided again.
  [[nodiscard]] Result<bool> delete_tag_if_unchanged(const RepositoryKey& repository, const NamedTag& tag);
  // The same for a tag that goes because its subject is not there. False also if the subject has come since.
  [[nodiscard]] Result<bool> delete_tag_if_orphaned(const RepositoryKey& repository, const NamedTag& tag);

  // What nothing in its repository needs any more: no tag, no manifest and no pin. False if something does,
  // or if it is gone. Not synced.
  [[nodiscard]] Result<bool> delete_manifest_if_unneeded(const RepositoryKey& repository,
                                                         const Digest& digest);
  [[nodiscard]] Result<bool> delete_link_if_unneeded(const LinkOf& link);

  // --- pins (pins.h). Synced.

  // False if there is such a pin already. `full` if there are Pins::kPinsMax, `invalid` for one manifest of a
  // registry, whose pins keep tags.
  [[nodiscard]] Result<bool> pin(const ImagePattern& what);
  // False if there is none.
  [[nodiscard]] Result<bool> unpin(const ImagePattern& what);

  // --- taking a digest away

  // A mirror's blob goes for the sake of room, unless somebody reads it, a registry needs it, or it is
  // pinned: empty then.
  [[nodiscard]] Result<std::optional<Trashed>> evict(const DigestLock& lock, const Digest& digest);

  // Finds out whether anything still needs the digest of a review that is due, and takes away what is dead of
  // it.
  struct Reviewed {
    bool is_postponed = false;  // it is leased
    // Out of how many repositories it was taken, as a manifest; another review follows then.
    size_t manifests = 0;
    std::optional<Trashed> blob;          // that was dead
    std::optional<std::string> given_to;  // the mirror that took over the blob, and its account
  };
  // For room only leases keep what is dead, not what untagged_after has promised.
  using For = Leases::For;
  // `take_room(record, mirror)`: takes room on the mirror's account for a blob that it is about to take over;
  // false if it has none.
  using TakeRoom = std::function<bool(const BlobRecord& record, const std::string& mirror)>;
  [[nodiscard]] Result<Reviewed> review(const DigestLock& lock, const Review& review, For purpose,
                                        const TakeRoom& take_room);
  [[nodiscard]] Result<> postpone(const Review& review, Time until);

  // For a route that is not configured any more: nobody asks it for anything, so no lease keeps what it has.
  // Each is a step of forgetting it (upkeep/forgetting.h), not synced, and false if there was nothing to do.

  // A manifest, with its tags, edges and referrers. What it named is reviewed.
  [[nodiscard]] Result<bool> forget_manifest(const RepositoryKey& repository, const Digest& digest);
  [[nodiscard]] Result<bool> forget_tag(const TagOf& tag);
  [[nodiscard]] Result<bool> forget_link(const LinkOf& link);
  // A blob on the route's account goes on the account of another route that needs it: a registry, if one
  // does, else a mirror. If no route needs the blob, or only mirrors that have no room for it and no pin, it
  // goes into the trash. Nothing happens if it is needed by those alone that have no room, or if `route` has
  // it still.
  [[nodiscard]] Result<Reviewed> leave_account(const DigestLock& lock, const Digest& digest,
                                               const std::string& route, const TakeRoom& take_room);

  // The file of a digest is gone, or is not what it should be and was deleted: so is its record. Mirrors lose
  // the manifest that it was too, with its edges and tags, and fetch it again; a registry's references stay,
  // because nobody could bring them back, and the digest is one of Broken if a registry needs it.
  [[nodiscard]] Result<> note_lost(const DigestLock& lock, const Digest& digest,
                                   const std::optional<BlobRecord>& record);

  // --- mending. False if nothing is wrong, or nothing that was not known.

  [[nodiscard]] Result<bool> note_missing(const Digest& digest);
  [[nodiscard]] Result<bool> note_dangling(const TagOf& tag);
  // Nothing is noted of what only mirrors need.
  [[nodiscard]] Result<bool> note_unreadable(const Digest& digest);
  // A manifest needs a child that no edge names: there is one now.
  [[nodiscard]] Result<bool> add_edge(const RepositoryKey& repository, const Digest& parent,
                                      const Digest& child, const EdgeRecord& edge);
  // A manifest needs a child as a manifest, and its repository has no such manifest. If `adopted`, children
  // before parents, lack nothing, they become manifests of the repository, the child as the last; else the
  // child is noted as broken.
  [[nodiscard]] Result<bool> note_lacking(const Edge& edge, std::span<const ChildManifest> adopted);
  // An edge of a parent that is not there goes, and its child is reviewed.
  [[nodiscard]] Result<bool> delete_stray_edge(const Edge& edge);
  // A link to a blob that is not stored goes, unless a manifest of its repository needs the blob: whoever
  // brings the blob again brings a link too.
  [[nodiscard]] Result<bool> delete_stray_link(const LinkOf& link);
  // Finds out whether what was broken still is: what needed it may be gone.
  [[nodiscard]] Result<> review_broken();

 private:
  Change begin() const;
  Result<> write(Change& change);
  Result<bool> delete_unchanged(const RepositoryKey& repository, const NamedTag& tag) REQUIRES(mutex_);
  Result<> check_unneeded(const RepositoryKey& repository, const Digest& digest) REQUIRES(mutex_);
  Result<bool> mount_locked(const RepositoryKey& to, const std::string& from, const Digest& digest)
      REQUIRES(mutex_);
  Result<std::vector<Digest>> missing_of(const RepositoryKey& repository, const ManifestContent* content,
                                         std::span<const ChildManifest> adopted) REQUIRES(mutex_);
  Result<> adopt(Change& change, const RepositoryKey& repository, const ChildManifest& child,
                 std::vector<Digest>& needed) REQUIRES(mutex_);
  Result<> add_edges(Change& change, const RepositoryKey& repository, const Digest& digest,
                     const ManifestContent& content, std::vector<Digest>& needed) REQUIRES(mutex_);
  struct Scope;
  Result<Scope> scope_of(const Review& review) const REQUIRES(mutex_);
  Result<size_t> collect_manifests(Change& change, const Uses& uses, Time now) REQUIRES(mutex_);
  Result<size_t> collect_manifest(Change& change, const RepositoryKey& repository, const Digest& digest,
                                  Time now) REQUIRES(mutex_);
  Result<size_t> collect_manifest(Change& change, const NamedManifest& manifest, Time now) REQUIRES(mutex_);
  Result<Reviewed> leave_repository(Change& change, const RepositoryKey& repository, const Digest& digest)
      REQUIRES(mutex_);
  Result<Reviewed> collect_blob(Change& change, const Digest& digest, const Uses& uses,
                                const TakeRoom& take_room) REQUIRES(mutex_);
  Result<Reviewed> trash_blob(Change& change, const Digest& digest, const BlobRecord& record,
                              const Uses& uses) REQUIRES(mutex_);
  Result<> delete_record(const Digest& digest, const std::optional<BlobRecord>& record) REQUIRES(mutex_);
  Result<bool> is_broken(const BrokenThing& thing) REQUIRES(mutex_);

  Catalog& catalog_;
  Files& files_;
  Leases& leases_;
  UseTimes& use_times_;
  Broken& broken_;
  CleanMark& mark_;
  Pins& pins_;
  const RouteRules& rules_;
  StoreClock& clock_;
  Log& log_;
  Mutex mutex_;  // whoever adds a reference finds under it that the thing is there; whoever takes one away,
                 // that none is left
};

}  // namespace breakwater::store
