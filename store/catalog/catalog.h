// The catalog: which tags, manifests and links there are. An index over the blob files that recovery can
// rebuild, except for tags and uploads, which only it knows. One Batch is one change of meaning: all of it is
// there or none.
//
// Reads take a Reach: `memory` never touches the disk and fails with `would_block` when the answer is not at
// hand (the loop asks this way first), `disk` may block (workers). Absent is an empty optional, not an error.
// All calls from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/catalog/records.h"

namespace breakwater::store {

enum class Reach { memory, disk };
enum class Durability {
  buffered,  // survives a crash of the process: mirrors
  synced     // survives a power cut: pushes
};

struct NamedTag {
  std::string tag;
  TagRecord record;
};
struct NamedManifest {
  RepositoryKey repository;
  Digest digest;
  ManifestRecord record;
};
struct Parent {
  RepositoryKey repository;
  Digest parent;
  EdgeRecord edge;
};
struct Look {
  Time due;
  Digest digest;
};
struct NamedReferrer {
  Digest digest;
  ReferrerRecord record;
};
struct UsedBlob {
  Digest digest;
  BlobRecord record;
};
struct TagOf {
  RepositoryKey repository;
  std::string tag;
  TagRecord record;
};
struct Edge {
  RepositoryKey repository;
  Digest parent;
  Digest child;
};

class Database;

class Catalog {
 public:
  // Creates it if it is not there. `disk` outlives it. `cache_bytes` bounds the memory for blocks and
  // memtables together. What RocksDB warns of is told to `log`, if there is one, from any thread; it outlives
  // the catalog. On a disk without room for that it opens to be read, and each write tries again.
  [[nodiscard]] static Result<std::unique_ptr<Catalog>> open(Disk& disk, const std::filesystem::path& path,
                                                             uint64_t cache_bytes, Log* log = nullptr);
  // As it is: nothing can be written, and nothing is changed. It must be there.
  [[nodiscard]] static Result<std::unique_ptr<Catalog>> open_to_read(Disk& disk,
                                                                     const std::filesystem::path& path,
                                                                     uint64_t cache_bytes);
  ~Catalog();

  class Batch {
   public:
    Batch();
    ~Batch();
    Batch(Batch&&) noexcept;

    // Keeps the tags of a digest too; `previous` is the record that this one replaces, as it was read.
    void put_tag(const RepositoryKey&, const std::string& tag, const TagRecord&,
                 const std::optional<TagRecord>& previous);
    void remove_tag(const RepositoryKey&, const std::string& tag, const TagRecord& previous);
    void put_manifest(const RepositoryKey&, const Digest&, const ManifestRecord&);
    void remove_manifest(const RepositoryKey&, const Digest&);
    void put_edge(const Digest& child, const RepositoryKey&, const Digest& parent, const EdgeRecord&);
    void remove_edge(const Digest& child, const RepositoryKey&, const Digest& parent);
    void put_referrer(const RepositoryKey&, const Digest& subject, const Digest& digest,
                      const ReferrerRecord&);
    void remove_referrer(const RepositoryKey&, const Digest& subject, const Digest& digest);
    void put_link(const Digest& blob, const RepositoryKey&, const LinkRecord&);
    void remove_link(const Digest& blob, const RepositoryKey&);
    void put_upload(const std::string& id, const UploadRecord&);
    void remove_upload(const std::string& id);
    // Keeps the order of use too; `previous` is the record that this one replaces, as it was read.
    void put_blob(const Digest&, const BlobRecord&, const std::optional<BlobRecord>& previous);
    void remove_blob(const Digest&, const BlobRecord& previous);
    // Queues a look at whether `digest` is still alive, not before `due`.
    void put_look(Time due, const Digest&);
    void remove_look(Time due, const Digest&);
    bool empty() const;

   private:
    friend class Catalog;
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };
  [[nodiscard]] Result<> write(Batch batch, Durability durability);
  // What was written buffered so far survives a power cut from now on.
  [[nodiscard]] Result<> sync();

  [[nodiscard]] Result<std::optional<TagRecord>> tag(const RepositoryKey&, const std::string& tag,
                                                     Reach) const;
  [[nodiscard]] Result<std::optional<ManifestRecord>> manifest(const RepositoryKey&, const Digest&,
                                                               Reach) const;
  [[nodiscard]] Result<std::optional<LinkRecord>> link(const Digest& blob, const RepositoryKey&, Reach) const;
  [[nodiscard]] Result<std::optional<BlobRecord>> blob(const Digest&, Reach) const;
  [[nodiscard]] Result<std::optional<UploadRecord>> upload(const std::string& id, Reach) const;
  // One manifest of the repository that names `child`, if any does.
  [[nodiscard]] Result<std::optional<Parent>> parent_in(const Digest& child, const RepositoryKey&,
                                                        Reach) const;

  // These scan, and so may block. Tags and names come in byte order, after `last` (exclusive, empty = from
  // the start), at most `limit`.
  [[nodiscard]] Result<std::vector<NamedTag>> tags(const RepositoryKey&, const std::string& last,
                                                   size_t limit) const;
  [[nodiscard]] Result<std::vector<std::string>> tags_of(const RepositoryKey&, const Digest&) const;
  // Repositories are those with a manifest.
  [[nodiscard]] Result<std::vector<std::string>> repositories(const std::string& route,
                                                              const std::string& last, size_t limit) const;
  [[nodiscard]] Result<bool> has_manifests(const RepositoryKey&) const;
  [[nodiscard]] Result<std::vector<Parent>> parents(const Digest& child) const;
  // Those of which a manifest names `child`: one step each, however many of their manifests do.
  [[nodiscard]] Result<std::vector<RepositoryKey>> repositories_naming(const Digest& child) const;
  // Those that have a link to it, or of which a manifest names it. Likewise.
  [[nodiscard]] Result<std::set<std::string>> routes_of(const Digest&) const;
  [[nodiscard]] Result<std::vector<RepositoryKey>> links(const Digest& blob) const;
  // In the order of their digests, after `last`.
  [[nodiscard]] Result<std::vector<NamedReferrer>> referrers(const RepositoryKey&, const Digest& subject,
                                                             const std::optional<Digest>& last,
                                                             size_t limit) const;
  // Looks that are due at `now`, oldest first, behind `after`.
  [[nodiscard]] Result<std::vector<Look>> looks(Time now, size_t limit,
                                                const std::optional<Look>& after = std::nullopt) const;
  // Every repository's manifest record of this digest.
  [[nodiscard]] Result<std::vector<NamedManifest>> manifests_of(const Digest&) const;
  // Least recently used first, of one route. Those whose record cannot be understood are left out and told to
  // `unreadable`.
  using Unreadable = std::function<void(const Digest&, const Error&)>;
  [[nodiscard]] Result<std::vector<UsedBlob>> least_recently_used(const std::string& route, size_t limit,
                                                                  const Unreadable& unreadable = {}) const;
  // The digests that a manifest of the repository names.
  [[nodiscard]] Result<std::vector<Digest>> children(const RepositoryKey&, const Digest& parent) const;
  [[nodiscard]] Result<std::vector<std::string>> upload_ids() const;

  // To walk through everything, in the order of the keys, some steps at a time: what comes behind `position`
  // (empty: from the start), which moves on. Fewer than `limit`: that was the end. What cannot be understood
  // is left out and told to `malformed`. The cache is left to others.
  using Malformed = std::function<void(const Error&)>;
  [[nodiscard]] Result<std::vector<TagOf>> next_tags(std::string& position, size_t limit,
                                                     const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<NamedManifest>> next_manifests(std::string& position, size_t limit,
                                                                  const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<Edge>> next_edges(std::string& position, size_t limit,
                                                     const Malformed& malformed) const;
  [[nodiscard]] Result<std::vector<UsedBlob>> next_blobs(std::string& position, size_t limit,
                                                         const Malformed& malformed) const;
  // Those whose digest begins with `first`, in the order of the digests.
  [[nodiscard]] Result<std::vector<UsedBlob>> blobs_in(Algorithm, uint8_t first,
                                                       const Malformed& malformed) const;

  // The mark of a clean stop: set last by an orderly end, removed by open's caller before anything is
  // changed.
  [[nodiscard]] Result<bool> clean() const;
  [[nodiscard]] Result<> set_clean(bool clean);

  // Writes what is in it at this moment to a folder that is not there yet: links to its own files where the
  // file system allows. What is in the copy can be read here when this returns.
  [[nodiscard]] Result<> checkpoint(const std::filesystem::path& to) const;

  // What the next start must know of leases, after a clean stop only; it is taken once.
  [[nodiscard]] Result<> set_leases(const SavedLeases&);
  [[nodiscard]] Result<std::optional<SavedLeases>> take_leases();

  // The routes that were mirrors at the last start, or before and have not become registries: what is theirs
  // can be fetched again.
  [[nodiscard]] Result<std::vector<std::string>> mirrors() const;
  [[nodiscard]] Result<> set_mirrors(const std::vector<std::string>& routes);
  // How far the scrub is, for the next start.
  [[nodiscard]] Result<std::optional<ScrubRecord>> scrub() const;
  [[nodiscard]] Result<> set_scrub(const ScrubRecord&);

  uint64_t disk_bytes() const;  // what its files take now
  // Whether what was written last may be missing, even if it was acknowledged: see Database.
  bool log_was_broken() const;
  [[nodiscard]] Result<> flush();

 private:
  explicit Catalog(std::unique_ptr<Database> database);
  Result<std::vector<Digest>> used_digests(const std::string& prefix, std::string& from, size_t limit) const;

  std::unique_ptr<Database> database_;
};

}  // namespace breakwater::store
