// The store as the layers above see it: blobs, catalog and budget kept in step.
//
// open() recovers: what a crash left is put in order before anything is served. Everything may block and may
// be called from any thread, unless it says that it never blocks.
//
// Use is noted in memory and written now and then (flush_uses), so that a pull costs no write.
//
// Locks, in the order in which they are taken: room_ (who makes room and who measures it), one of changes_
// (one change of meaning at a time for a digest), references_ (who refers to what: whoever adds a reference
// looks under it that the thing is there, and whoever removes a thing that nothing refers to it), then those
// of the parts. Nothing is synced under references_. The loop waits for none of the first three.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/capacity/budget.h"
#include "store/capacity/eviction.h"
#include "store/catalog/catalog.h"
#include "store/files/blobs.h"
#include "store/files/folder_lock.h"
#include "store/references/leases.h"
#include "store/references/retention.h"
#include "store/upkeep/broken.h"

namespace breakwater::store {

struct StoreSettings {
  std::filesystem::path data = "data";
  uint64_t bytes_max = Budget::kUnbounded;          // the whole store
  std::map<std::string, uint64_t> route_bytes_max;  // by route name; absent = only the whole bounds it
  std::vector<std::string> mirror_routes;           // routes whose blobs may be evicted at will
  // Those whose may not. One that is neither, and was a mirror when there was one, is still one.
  std::vector<std::string> registry_routes;
  uint64_t catalog_cache_bytes = 8ULL << 20;
  // For so long what a client of a registry was told exists is not collected.
  Time::duration lease = std::chrono::hours(1);
  // Of registries, by route name: the first that speaks of a repository counts.
  std::map<std::string, std::vector<RetentionPolicy>> retention;
  // What is over a bound goes when it is measured, also at open; false: only when room is asked for.
  bool keeps_bounds = true;
};

// What one manifest names, as the layer that reads manifests found it.
struct ManifestContent {
  struct Child {
    Digest digest;
    EdgeRecord edge;
  };
  ManifestRecord record;
  std::vector<Child> children;
  // Named and not needed: what a registry's repository has of these when the manifest comes stays with it.
  std::vector<Child> welcome;
  std::string referrer_descriptor;  // JSON; only if record.subject
};

class Store {
 public:
  // Takes the folder's lock: `conflict` if another process serves it.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const StoreSettings& settings, Disk& disk,
                                                           const Clock& clock, Log& log);
  ~Store();  // marks a clean stop

  Blobs& blobs() { return blobs_; }
  Catalog& catalog() { return *catalog_; }
  const Budget& budget() const { return budget_; }

  // --- blobs

  // The stored blob; `not_found` if there is none (also when its file turned out short: it is then
  // forgotten).
  [[nodiscard]] Result<Blob> open_blob(const Digest& digest);
  // As open_blob, but only if no disk is needed: `would_block` else. Never blocks.
  [[nodiscard]] Result<Blob> open_blob_if_warm(const Digest& digest);
  // Notes that it was used now. Never blocks.
  void note_use(const Digest& digest);

  // Room for `size` bytes of `route`, made if need be: by collecting what is dead, then by evicting least
  // recently used blobs of mirrors that nobody reads, partials of nobody first, manifests last; for a
  // registry, in the end, by dropping uploads that broke off a lease ago and removing tags that the policy
  // calls cache. `full` if there is still none; with retry_after_s if something dead waits for a short lease
  // only. For what would not fit into an empty store nothing goes.
  [[nodiscard]] Result<Reservation> reserve(const std::string& route, uint64_t size);
  // Makes `reservation` at least `size`, evicting likewise.
  [[nodiscard]] Result<> grow(Reservation& reservation, const std::string& route, uint64_t size);

  // Ends a fill or an upload: writer verified; commits the file, its record, its link, its reservation, and
  // ends the upload record of its id. On an error the partial stays, and `reservation` stays the caller's.
  // `full` if the content is longer than what was reserved and there is no room for the rest.
  [[nodiscard]] Result<Blob> commit_blob(BlobWriter& writer, Reservation&& reservation,
                                         const RepositoryKey& repository, Durability durability);

  // Partials: claimed while a writer is at work on them, else those of mirrors are the first to go when room
  // is needed.
  //
  // One that is dropped before its writer is committed or discarded stays on the disk and in the accounts,
  // for a later resume: that blocks no longer than closing a file does. It must end before the Store.
  class ReceivedPartial {
   public:
    ReceivedPartial(ReceivedPartial&&) noexcept = default;
    ReceivedPartial& operator=(ReceivedPartial&&) = delete;
    ~ReceivedPartial();

    std::unique_ptr<BlobWriter> writer;
    Reservation reservation;  // already holds what the partial takes
    // It was left so, and is again when this is dropped: for the caller to change once it adds something.
    bool is_spare = false;

   private:
    friend class Store;
    ReceivedPartial(Store& store, std::string route, std::unique_ptr<BlobWriter> begun, Reservation held)
        : writer(std::move(begun)), reservation(std::move(held)), store_(store), route_(std::move(route)) {}
    Store& store_;
    std::string route_;
  };
  // Begins or resumes incoming/<id>. The reservation covers what is there; grow() it before appending.
  // `conflict` while another writer is at work on it. Ids of fills are fill_id(); any other id is kept over a
  // restart only if the catalog has an upload record of it.
  [[nodiscard]] Result<ReceivedPartial> receive(const std::string& route, const std::string& id,
                                                Algorithm algorithm);
  // Ends the work of a writer that was not committed: `keep` leaves the partial for a later resume and counts
  // it as stored by nobody; so does `spare`, but then it is the first thing to go when its route needs room.
  enum class PartialEnd { keep, spare, discard };
  void end_partial(ReceivedPartial partial, PartialEnd end);
  // The bytes of one that was left `spare` and that nobody is at work on.
  std::optional<uint64_t> spare_bytes(const std::string& id) const;
  // Removes incoming/<id>, which nobody is at work on, and its upload record.
  [[nodiscard]] Result<> drop_partial(const std::string& id);
  static std::string fill_id(const Digest& digest);  // "fill-sha256-<hex>"

  // --- manifests

  // Stores the bytes (if not held) and one batch: manifest, edges, referrer, tag (if not empty), link.
  [[nodiscard]] Result<> put_manifest(const RepositoryKey& repository, const Digest& digest,
                                      std::string_view bytes, const ManifestContent& content,
                                      const std::string& tag, Durability durability);
  // Points a tag at a manifest that this repository has; `not_found` if it is not (or no more) there. Unlike
  // a tag written past the Store, it cannot outlive its manifest's eviction.
  [[nodiscard]] Result<> put_tag(const RepositoryKey& repository, const std::string& tag,
                                 const TagRecord& record, Durability durability);
  // The bytes of a manifest that this repository has; `not_found` else. Verified against the digest on the
  // way.
  [[nodiscard]] Result<std::string> manifest_bytes(const RepositoryKey& repository, const Digest& digest);

  // Whether `repository` may serve the blob: a link, or a manifest of the repository that names it.
  [[nodiscard]] Result<bool> may_serve(const RepositoryKey& repository, const Digest& digest, Reach reach);

  // Forgets a blob: for corrupt or vanished files. Mirrors forget the manifest that it was too, with its
  // edges and tags, and fetch it again; of a registry only the file and its record go, because nobody could
  // bring the rest back. Wrong bytes are not kept: the blob is absent then, for HEAD and for a push too, so
  // that a client that has it uploads it anew. Until then it is one of broken().
  [[nodiscard]] Result<> forget_blob(const Digest& digest);

  // --- a registry of our own: what it acknowledges is synced, and whole
  //
  // A manifest is stored only if all that it needs is in its repository, in one batch that nothing can come
  // between. What a client was told exists is leased: it is not collected under him.

  // The blob, if `repository` may serve it, leased. `not_found` else; `would_block` if memory does not tell.
  // Never blocks for Reach::memory.
  [[nodiscard]] Result<Blob> hold_blob(const RepositoryKey& repository, const Digest& digest, Reach reach,
                                       Leases::Kind lease = Leases::Kind::told);
  struct HeldManifest {
    Digest digest;
    ManifestRecord record;
  };
  // A manifest that the repository has, or that one of its tags names, leased, and with it all that the
  // manifest names. Likewise.
  [[nodiscard]] Result<HeldManifest> hold_manifest(const RepositoryKey& repository, const Digest& digest,
                                                   Reach reach, Leases::Kind lease = Leases::Kind::told);
  [[nodiscard]] Result<HeldManifest> hold_tag(const RepositoryKey& repository, const std::string& tag,
                                              Reach reach, Leases::Kind lease = Leases::Kind::told);

  // Lets `to` serve a blob that a repository of the same route has: the one called `from`, or any if that is
  // empty. False if none has it.
  [[nodiscard]] Result<bool> mount_blob(const RepositoryKey& to, const std::string& from,
                                        const Digest& digest);
  // Stores a manifest under all of `tags`, or returns the children that the repository does not have, and has
  // stored nothing.
  [[nodiscard]] Result<std::vector<Digest>> push_manifest(const RepositoryKey& repository,
                                                          const Digest& digest, std::string_view bytes,
                                                          const ManifestContent& content,
                                                          const std::vector<std::string>& tags);

  // `not_found` if it is not there. A tag goes alone; a manifest goes with the tags that name it, and is
  // `conflict` while another manifest of the repository needs it; so is a blob. The message says which.
  [[nodiscard]] Result<> remove_tag(const RepositoryKey& repository, const std::string& tag);
  [[nodiscard]] Result<> remove_manifest(const RepositoryKey& repository, const Digest& digest);
  [[nodiscard]] Result<> remove_blob(const RepositoryKey& repository, const Digest& digest);

  // --- from another folder, and to one: by a second name for the file where the file systems allow it, else
  // by copying

  // A blob that is the content of `file`, linked to the repository and leased. It is hashed first: `corrupt`
  // if it is another content.
  enum class Taken { held, linked, copied };  // held: it was here already
  [[nodiscard]] Result<Taken> take_blob(const RepositoryKey& repository, const Digest& digest,
                                        const std::filesystem::path& file);
  // Under the name `to`, instead of what is there. `corrupt` if the blob is not what it was.
  [[nodiscard]] Result<> give_blob(const Digest& digest, const std::filesystem::path& to);

  // Writes to the folder `to`, which is not there yet, all that a store needs to hold what this one holds,
  // while this one is used. `conflict` if `to` is there, or another backup is being made; `unavailable` if it
  // is told to stop.
  struct BackedUp {
    uint64_t blobs = 0, bytes = 0;
  };
  [[nodiscard]] Result<BackedUp> back_up(const std::filesystem::path& to, const std::stop_token& stop);

  // --- upkeep

  // Looks at what may be dead and is not leased any more, at most `looks_max` things, and removes what is.
  // How many it looked at; 0 if there is nothing to do now, or if another thread is at it.
  [[nodiscard]] Result<size_t> collect(size_t looks_max);
  struct Collected {
    uint64_t manifests = 0, blobs = 0, bytes = 0, tags = 0;  // since the start
  };
  Collected collected() const;
  // Removes tags that the policies say go, of a few repositories; the next call goes on with the next ones.
  // How many tags it removed.
  [[nodiscard]] Result<size_t> apply_retention();

  // For the operator, a line each: what keeps it, up to the tags, and the lease. `not_found` if no route has
  // the tag.
  [[nodiscard]] Result<std::vector<std::string>> why(const Digest& digest);
  [[nodiscard]] Result<std::vector<std::string>> why(const std::string& repository, const std::string& tag);
  // What goes now or at its time, and what would go first if room were needed; with the reasons.
  [[nodiscard]] Result<std::vector<std::string>> plan();

  // --- mending: for who walks through the store and finds something wrong (scrub.h). Each looks again under
  // the locks of those who may have changed it meanwhile, mends what can be mended, and notes and logs what
  // cannot. False if nothing is wrong, or nothing that was not known.

  // The blob's file is not what it should be: it is forgotten.
  [[nodiscard]] Result<bool> mend_corrupt(const UsedBlob& blob);
  // The disk does not give its bytes: a mirror's is forgotten; a registry's stays, because the disk may come
  // to its senses.
  [[nodiscard]] Result<bool> mend_unreadable(const UsedBlob& blob);
  // Nothing of `digest` is stored, though a registry needs it.
  [[nodiscard]] Result<bool> note_missing(const Digest& digest);
  // A registry's tag names what is not there.
  [[nodiscard]] Result<bool> note_unnamed(const TagOf& tag);
  // A manifest needs a child that no edge names: there is one now.
  [[nodiscard]] Result<bool> mend_edge(const RepositoryKey& repository, const Digest& parent,
                                       const Digest& child, const EdgeRecord& edge);
  // An edge of a parent that is not there: it is there no more, and its child is looked at.
  [[nodiscard]] Result<bool> drop_stray(const Edge& edge);
  const Broken& broken() const { return broken_; }
  // The disk does give its bytes.
  void note_readable(const Digest& digest);
  // The catalog's records that cannot be understood, all of them, in words.
  void note_malformed(const std::set<std::string>& records);
  // Looks whether what was broken still is: what needed it may be gone.
  [[nodiscard]] Result<> look_at_broken();
  bool is_mirror(const std::string& route) const;

  [[nodiscard]] Result<> flush_uses();
  void measure();  // what the catalog and the folders take of the disk, into the budget

  // What the last open() found and mended, for the log and tests.
  struct Recovered {
    bool was_clean = false;
    uint64_t blobs = 0, bytes = 0, records_dropped = 0, files_adopted = 0, files_removed = 0, partials = 0;
  };
  const Recovered& recovered() const { return recovered_; }
  uint64_t evicted_total() const;  // blobs

 private:
  struct IdlePartial {
    std::string route;
    uint64_t bytes = 0;  // its size
    Time modified{};
    bool is_spare = false;
  };
  // What make_room() may choose from; `id` or `digest` says which it is.
  struct Evictable {
    std::string id;
    std::optional<UsedBlob> blob;
    std::string name() const { return blob ? blob->digest.text() : id; }
  };
  struct Evictables {
    std::vector<Evictable> things;
    std::vector<EvictionCandidate> candidates;  // of the same index
    bool complete = true;                       // there are no more
  };

  Store(const StoreSettings& settings, Disk& disk, const Clock& clock, Log& log);
  std::mutex& change_of(const Digest& digest);
  Result<> remember_mirrors();
  uint64_t headroom() const;  // wants room_

  // recovery.cc
  Result<> recover();
  void recover_leases();
  Result<> count_blobs();
  void count_blob(const BlobRecord& record);
  Result<> reconcile_blobs();
  Result<> reconcile_folder(Algorithm algorithm, uint8_t first);
  Result<> drop_lost(const UsedBlob& blob);
  void adopt_if_possible(const Digest& digest);
  Result<> adopt(const Digest& digest);
  Result<bool> is_whole(const Digest& digest, uint64_t size);
  Result<std::string> owner_of(const Digest& digest);
  // The mark of a clean stop is a file besides a key of the catalog: there is room to remove that on any
  // disk.
  Result<> make_clean_mark();
  Result<bool> take_clean_mark();
  Result<> recover_trash();
  Result<> recover_partials();
  Result<> drop_stale_fill_records();

  // room.cc; these want room_ held.
  void measure_disk_bound();
  void enforce_bounds();
  bool can_ever_fit(const std::string& route, uint64_t size, uint64_t held) const;
  Result<> make_room(const std::string& route, uint64_t size);
  Result<> is_reached(const std::string& route, uint64_t size);
  uint64_t low_water(const std::string& route) const;
  enum class Bound { route, each };  // for the sake of which: of the route alone, or of the whole as well
  Result<> evict_mirrored(const std::string& route, uint64_t size, Bound bound);
  Result<> evict_until(const std::string& route, uint64_t size, Bound bound, EvictionCandidate::Kind last);
  // What went for the sake of the disk's own bound, and the disk has not got back.
  struct InVain {
    size_t files = 0;  // in a row
    uint64_t bytes = 0;
    uint64_t ours_and_free = 0;  // with the last of them gone
    Time since{};                // when that was
  };
  bool is_short_of_disk(uint64_t size) const;
  uint64_t missing_of_store(uint64_t size) const;
  bool frees_nothing() const;
  Budget::Shortage curable(const std::string& route, uint64_t size) const;
  bool can_cure(const std::string& route, uint64_t size) const;
  void note_gone(uint64_t bytes, bool has_other_name);
  bool can_leave(const std::string& route, const Budget::Shortage& needed) const;
  Result<Evictables> evictables(size_t blobs_max);
  Result<> add_blobs_of(const std::string& route, size_t blobs_max, Evictables& found);
  Result<bool> is_needed_elsewhere(const Digest& digest);
  Result<> evict(const Evictable& thing);
  Result<> evict_partial(const std::string& id);
  Result<> evict_blob(const UsedBlob& blob);

  Result<Blob> commit_locked(BlobWriter& writer, Reservation& reservation,
                             const std::optional<BlobRecord>& previous, Catalog::Batch batch,
                             Durability durability);
  Result<std::string> read_blob(const Blob& blob);

  // registry_room.cc; these want room_ held, and the last collecting_.
  bool has_room(const std::string& route, uint64_t size) const;
  Result<> collect_for_room(const std::string& route, uint64_t size);
  Result<> evict_stale_uploads(const std::string& route, uint64_t size);
  Result<> evict_cache_tags(const std::string& route, uint64_t size);
  struct CacheTag {
    RepositoryKey repository;
    std::string tag;
    TagRecord record;
    Time used_at{};
  };
  Result<std::vector<CacheTag>> cache_tags(const std::string& route);
  struct LooksDone {
    bool removed_any = false;
    std::optional<Time> soon;  // when the first that only a lease keeps may go
  };
  Result<Time> leased_until(const Look& look) const;
  Result<LooksDone> look_at_all(const std::string& route, uint64_t size);

  // explaining.cc
  struct Explanation;
  Result<> tell_what_keeps(Explanation& explanation, size_t depth, const RepositoryKey& repository,
                           const Digest& digest);
  Result<> tell_expired(Explanation& explanation);
  Result<> tell_dead(Explanation& explanation);
  std::string policy_text(const RepositoryKey& repository, const std::string& tag) const;
  Result<bool> is_needed(const Digest& digest);

  // manifests.cc
  struct Put;
  Result<> put(Put& put, Durability durability);
  Result<bool> holds_bytes(const Put& put);
  Result<> store_bytes(Put& put, Reservation& reservation);
  Result<> refer(Put& put);
  Result<> add_tag(Catalog::Batch& batch, const RepositoryKey& repository, const std::string& tag,
                   const Digest& digest, const std::string& media_type);
  Result<bool> has(const RepositoryKey& repository, const Digest& child);
  Result<std::vector<Digest>> missing_children(const RepositoryKey& repository,
                                               const ManifestContent& content);

  // holding.cc
  std::optional<Leases::Ticket> take_lease(const RepositoryKey& repository, const Digest& digest,
                                           Leases::Kind kind, Reach reach);
  Result<bool> link_from(const RepositoryKey& to, const std::string& from, const Digest& digest);
  Result<bool> may_serve_any(const std::string& route, const std::string& name, const Digest& digest);

  // removal.cc; these want references_ held, but for the first.
  Result<bool> remove_unchanged(const RepositoryKey& repository, const NamedTag& tag);
  Result<> drop_tag(const RepositoryKey& repository, const NamedTag& tag);
  Result<> check_unneeded(const RepositoryKey& repository, const Digest& digest);
  void look_soon(Catalog::Batch& batch, const RepositoryKey& repository, const Digest& digest);

  // collection.cc
  struct Trashed {
    Digest digest;
    std::string route;
    uint64_t bytes = 0;
  };
  // The repositories that may serve a digest, and those of which a manifest needs it.
  struct Uses {
    std::vector<RepositoryKey> links;
    std::vector<RepositoryKey> needing;
    bool empty() const { return links.empty() && needing.empty(); }
  };
  struct Users {
    bool registry = false;
    std::optional<std::string> mirror;  // a route
  };
  Result<size_t> expire_tags(const RepositoryKey& repository, const std::vector<ExpiredTag>& tags);
  const RetentionPolicy& policy_for(const RepositoryKey& repository) const;
  Time untagged_until(const RepositoryKey& repository, const Digest& digest) const;
  Result<> leave_untagged(Catalog::Batch& batch, const RepositoryKey& repository, const Digest& digest);
  Result<> postpone(const Look& look, Time until);
  Result<std::vector<Look>> drop_repeated(const std::vector<Look>& looks);
  Result<std::optional<Trashed>> look_at(const Look& look, bool room_is_needed);
  Result<Uses> uses_of(const Digest& digest) const;
  Result<size_t> collect_manifests(Catalog::Batch& batch, const Digest& digest, Time now);
  Result<bool> is_alive(const NamedManifest& manifest);
  Result<std::optional<Trashed>> collect_blob(const Digest& digest, const Uses& uses, Catalog::Batch batch);
  Result<Users> collect_links(Catalog::Batch& batch, const Digest& digest, const Uses& uses);
  Result<> give_to_mirror(const std::string& route, const Digest& digest, const BlobRecord& record,
                          Catalog::Batch batch);
  Result<> empty_trash();
  Result<> empty(const Trashed& trashed);

  // transfer.cc
  Result<bool> has_taken(const RepositoryKey& repository, const Digest& digest);
  Result<std::unique_ptr<BlobWriter>> take_by_link(const Digest& digest, const std::filesystem::path& file);
  Result<std::unique_ptr<BlobWriter>> take_by_copy(const Digest& digest, const std::filesystem::path& file,
                                                   uint64_t size);
  Result<bool> give_file(const std::filesystem::path& from, uint64_t size, const std::filesystem::path& to);

  // backup.cc; these want backing_up_ held.
  struct Backup;
  Result<> give_blobs(Backup& backup);
  Result<> give_to(Backup& backup, const Digest& digest, const BlobRecord& record);

  // mending.cc; these want references_ held.
  Result<bool> is_missed(const Digest& digest);
  Result<bool> is_unnamed(const TagOf& tag);
  Result<bool> is_broken(const Broken::Thing& thing);
  Result<bool> note_broken(Broken::Thing thing);

  // partials.cc
  Result<Reservation> claim(const std::string& route, const std::string& id, bool& is_spare);
  Result<> note_fill(const std::string& route, const std::string& id, Algorithm algorithm);
  void keep_partial(const std::string& route, std::unique_ptr<BlobWriter> writer, Reservation& reservation,
                    PartialEnd end);
  void forget_upload(const std::string& id);

  // forgetting.cc; these want the digest's lock of changes_ held, and the last two references_.
  Result<> forget_locked(const Digest& digest);
  Result<> forget_in_mirrors(Catalog::Batch& batch, const Digest& digest);
  Result<> forget_record(const Digest& digest, const std::optional<BlobRecord>& record);
  Result<> unrefer(Catalog::Batch& batch, const NamedManifest& manifest);
  void add_use(Catalog::Batch& batch, const Digest& digest, Time used_at);

  StoreSettings settings_;
  Disk& disk_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<FolderLock> lock_;
  Budget budget_;
  Blobs blobs_;
  Leases leases_;
  std::unique_ptr<Catalog> catalog_;
  std::mutex room_;
  uint64_t growth_ = 0;  // what the catalog may grow by until it is measured again; wants room_
  // Bytes that are on our account and that the disk has left, as last measured; wants room_.
  uint64_t ours_and_free_ = 0;
  InVain in_vain_;  // wants room_
  std::array<std::mutex, 64> changes_;
  std::mutex references_;
  std::mutex uses_mutex_;
  std::unordered_map<Digest, Time, DigestHash> uses_;
  mutable std::mutex partials_mutex_;
  std::map<std::string, IdlePartial> idle_partials_;  // by id
  std::atomic<uint64_t> evicted_ = 0;
  Broken broken_;
  std::mutex backing_up_;
  std::mutex collecting_;
  // Where the pass of collect() that is under way goes on; wants collecting_.
  std::optional<Look> looked_to_;
  std::vector<Trashed> trash_;  // unlinked from the catalog; wants collecting_
  // By route: the repository behind which apply_retention() goes on; wants collecting_.
  std::map<std::string, std::string> retention_at_;
  std::atomic<uint64_t> collected_manifests_ = 0, collected_blobs_ = 0, collected_bytes_ = 0,
                        collected_tags_ = 0;
  bool is_open_ = false;
  // A file may be there that the catalog does not know, or the other way round.
  std::atomic<bool> must_reconcile_ = false;
  Recovered recovered_;
};

}  // namespace breakwater::store
