// The catalog keeps the store's metadata in RocksDB as typed records: tags, manifests, edges, referrers,
// links, uploads, blobs and the review queue. (The registry's list of repositories, /v2/_catalog, is only
// one query of the catalog: repositories().)
//
// Recovery can rebuild blob records alone, from the blob files. Every other record exists only here.
// The catalog does not judge what a record means: References, TagHistories, Partials, IdlePartials, UseTimes
// and upkeep/ write records, by a Batch, which is applied as a whole or not at all. Code outside of store/
// only reads.
//
// A read with Reach::memory never touches the disk, and fails with `would_block` when the answer is not in
// memory (the event loop asks this way first). A read with Reach::disk may block, and so may every call that
// takes no Reach. An absent record is an empty optional or list, not an error. Every call may be made from
// any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/catalog/batch.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class CatalogByDigest;
class CatalogHistory;
class CatalogHolders;
class CatalogQueues;
class CatalogState;
class CatalogWalk;
class Database;

class Catalog {
 public:
  // Opens the catalog, and creates it if it is not there. `cache_bytes` bounds the memory for blocks and
  // memtables together. RocksDB's warnings go to `log`, from any thread, if `log` is not null. On a full disk
  // the catalog is opened for reading, and later writes try to open it for writing. `files_max` bounds the
  // files that it keeps open (-1: all of them stay open, so that memory can answer). `disk` and `log` outlive
  // the catalog.
  [[nodiscard]] static Result<std::unique_ptr<Catalog>> open(Disk& disk, const std::filesystem::path& path,
                                                             uint64_t cache_bytes, Log* log = nullptr,
                                                             int files_max = -1);
  // Opens an existing catalog for reading only; no file is changed. A log that is corrupt before its end is
  // read up to there: see log_was_broken().
  [[nodiscard]] static Result<std::unique_ptr<Catalog>> open_to_read(Disk& disk,
                                                                     const std::filesystem::path& path,
                                                                     uint64_t cache_bytes);
  ~Catalog();

  // --- writing

  [[nodiscard]] Result<> write(Batch batch, Durability durability);
  // What was written buffered so far survives a power cut from now on.
  [[nodiscard]] Result<> sync();
  // How many writes there were that put or deleted a tag or queued a review, since it was opened: as long as
  // this stays the same, nothing has become dispensable but by time.
  uint64_t need_changes() const { return need_changes_; }

  // --- one record

  [[nodiscard]] Result<std::optional<TagRecord>> tag(const RepositoryKey&, const std::string& tag,
                                                     Reach) const;
  [[nodiscard]] Result<std::optional<TagHistoryRecord>> history(const RepositoryKey&, const std::string& tag,
                                                                Reach) const;
  [[nodiscard]] Result<std::optional<ManifestRecord>> manifest(const RepositoryKey&, const Digest&,
                                                               Reach) const;
  [[nodiscard]] Result<bool> has_link(const Digest& blob, const RepositoryKey&, Reach) const;
  [[nodiscard]] Result<std::optional<BlobRecord>> blob(const Digest&, Reach) const;
  [[nodiscard]] Result<std::optional<UploadRecord>> upload(const std::string& id, Reach) const;
  // One manifest of the repository that names `child`, if any does.
  [[nodiscard]] Result<std::optional<Parent>> parent_in(const Digest& child, const RepositoryKey&,
                                                        Reach) const;

  // Whether a manifest of the repository beside `parents`, which are sorted, names `child`. May block.
  [[nodiscard]] Result<bool> has_other_parent(const Digest& child, const RepositoryKey&,
                                              std::span<const Digest> parents) const;
  // The manifests of the repository that name `child`, in the order of their digests behind `last`.
  [[nodiscard]] Result<std::vector<Digest>> parents_in(const Digest& child, const RepositoryKey&,
                                                       const std::optional<Digest>& last, size_t limit) const;
  // What `parent` says of `child`, if it needs it. May block.
  [[nodiscard]] Result<std::optional<EdgeRecord>> edge(const Digest& child, const RepositoryKey&,
                                                       const Digest& parent) const;

  // --- of a repository or a route, in byte order, behind `last` (empty: from the start), at most `limit`

  [[nodiscard]] Result<std::vector<NamedTag>> tags(const RepositoryKey&, const std::string& last,
                                                   size_t limit) const;
  // Those with a manifest: one step each.
  [[nodiscard]] Result<std::vector<std::string>> routes() const;
  // Repositories are those with a manifest.
  [[nodiscard]] Result<std::vector<std::string>> repositories(const std::string& route,
                                                              const std::string& last, size_t limit) const;
  // No more once they have `bytes_max` bytes together: a version before has written long ones.
  [[nodiscard]] Result<std::vector<NamedReferrer>> referrers(const RepositoryKey&, const Digest& subject,
                                                             const std::optional<Digest>& last, size_t limit,
                                                             uint64_t bytes_max = UINT64_MAX) const;
  [[nodiscard]] Result<std::vector<Digest>> referrer_digests(const RepositoryKey&, const Digest& subject,
                                                             const std::optional<Digest>& last,
                                                             size_t limit) const;
  // What the referrers API lists of it. Empty if it is not there any more.
  [[nodiscard]] Result<std::string> whole_descriptor(const RepositoryKey&, const Digest& subject,
                                                     const NamedReferrer&) const;
  // The subject of each manifest of the repository that has one and that the referrers list names.
  [[nodiscard]] Result<std::map<Digest, Digest>> subjects_in(const RepositoryKey&) const;
  // The digests that a manifest of the repository names.
  [[nodiscard]] Result<std::vector<Digest>> children(const RepositoryKey&, const Digest& parent) const;
  [[nodiscard]] Result<std::vector<std::string>> tags_of(const RepositoryKey&, const Digest&) const;
  [[nodiscard]] Result<bool> has_manifests(const RepositoryKey&) const;
  // One manifest of the repository whose digest begins with these hex digits, if there is one.
  [[nodiscard]] Result<std::optional<Digest>> manifest_beginning(const RepositoryKey&, Algorithm,
                                                                 const std::string& hex) const;

  // --- its other parts, each with a header of its own

  const CatalogByDigest& by_digest() const { return *by_digest_; }
  const CatalogHolders& holders() const { return *holders_; }
  const CatalogQueues& queues() const { return *queues_; }
  const CatalogWalk& walk() const { return *walk_; }
  const CatalogHistory& past() const { return *past_; }
  CatalogState& state() { return *state_; }
  const CatalogState& state() const { return *state_; }

  // --- the whole

  // Writes what is in it at this moment to a folder that is not there yet: links to its own files where the
  // file system allows. What is in the copy can be read here when this returns.
  [[nodiscard]] Result<> checkpoint(const std::filesystem::path& to) const;
  uint64_t disk_bytes() const;  // what its files take now
  // Whether what was written last may be missing, even if it was acknowledged: see Database.
  bool log_was_broken() const;
  // Whether the records may differ from the files since it was opened: it was opened anew, or its log was
  // broken.
  bool may_differ() const;
  // Why it cannot be written just now; empty if it can be, as far as is known. Each write, sync() too, tries
  // to mend it first. Never blocks.
  std::string why_not_writable() const;
  [[nodiscard]] Result<> flush();

 private:
  explicit Catalog(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
  std::unique_ptr<CatalogByDigest> by_digest_;
  std::unique_ptr<CatalogHolders> holders_;
  std::unique_ptr<CatalogQueues> queues_;
  std::unique_ptr<CatalogWalk> walk_;
  std::unique_ptr<CatalogHistory> past_;
  std::unique_ptr<CatalogState> state_;
  std::atomic<uint64_t> need_changes_ = 0;
};

}  // namespace breakwater::store
