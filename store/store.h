// The store as the layers above see it: blobs, catalog and budget kept in step.
//
// open() recovers: what a crash left is put in order before anything is served. Everything may block and may be called from any
// thread, unless it says that it never blocks.
//
// Use is noted in memory and written now and then (flush_uses), so that a pull costs no write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/blobs.h"
#include "store/budget.h"
#include "store/catalog.h"
#include "store/clock.h"
#include "store/disk.h"
#include "store/log.h"

namespace breakwater::store {

struct StoreSettings {
  std::filesystem::path data = "data";
  uint64_t bytes_max = Budget::kUnbounded;               // the whole store
  std::map<std::string, uint64_t> route_bytes_max;       // by route name; absent = only the whole bounds it
  std::vector<std::string> mirror_routes;                // routes whose blobs may be evicted at will
  uint64_t catalog_cache_bytes = 8ULL << 20;
};

// What one manifest names, as the layer that reads manifests found it.
struct ManifestContent {
  struct Child {
    Digest digest;
    EdgeRecord edge;
  };
  ManifestRecord record;
  std::vector<Child> children;
  std::string referrer_descriptor;  // JSON; only if record.subject
};

class Store {
 public:
  // Takes the folder's lock: `conflict` if another process serves it.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const StoreSettings& settings, Disk& disk, const Clock& clock, Log& log);
  ~Store();  // marks a clean stop

  Blobs& blobs() { return blobs_; }
  Catalog& catalog() { return *catalog_; }
  const Budget& budget() const { return budget_; }

  // --- blobs

  // The stored blob; `not_found` if there is none (also when its file turned out short: it is then forgotten).
  [[nodiscard]] Result<Blob> open_blob(const Digest& digest);
  // As open_blob, but only if no disk is needed: `would_block` else. Never blocks.
  [[nodiscard]] Result<Blob> open_blob_if_warm(const Digest& digest);
  // Notes that it was used now. Never blocks.
  void note_use(const Digest& digest);

  // Room for `size` bytes of `route`, made by eviction if need be: least recently used blobs of mirrors that nobody reads, partials
  // of nobody first, manifests last. `full` if there is still none.
  [[nodiscard]] Result<Reservation> reserve(const std::string& route, uint64_t size);
  // Makes `reservation` at least `size`, evicting likewise.
  [[nodiscard]] Result<> grow(Reservation& reservation, const std::string& route, uint64_t size);

  // Ends a fill or an upload: writer verified; commits the file, its record, its link, its reservation. On an error the partial stays.
  [[nodiscard]] Result<Blob> commit_blob(BlobWriter& writer, Reservation reservation, const RepositoryKey& repository, Durability durability);

  // Partials: claimed while a writer is at work on them, else they are the first to go when room is needed.
  struct ReceivedPartial {
    std::unique_ptr<BlobWriter> writer;
    Reservation reservation;  // already holds what the partial takes
  };
  // Begins or resumes incoming/<id>. The reservation covers what is there; grow() it before appending.
  [[nodiscard]] Result<ReceivedPartial> receive(const std::string& route, const std::string& id, Algorithm algorithm);
  // Ends the work of a writer that was not committed: `keep` leaves the partial for a later resume and counts it as stored by nobody.
  enum class PartialEnd { keep, discard };
  void end_partial(ReceivedPartial partial, PartialEnd end);

  // --- manifests

  // Stores the bytes (if not held) and one batch: manifest, edges, referrer, tag (if not empty), link.
  [[nodiscard]] Result<> put_manifest(const RepositoryKey& repository, const Digest& digest, std::string_view bytes, const ManifestContent& content,
                                      const std::string& tag, Durability durability);
  // The bytes of a manifest that this repository has; `not_found` else. Verified against the digest on the way.
  [[nodiscard]] Result<std::string> manifest_bytes(const RepositoryKey& repository, const Digest& digest);

  // Whether `repository` may serve the blob: a link, or a manifest of the repository that names it.
  [[nodiscard]] Result<bool> may_serve(const RepositoryKey& repository, const Digest& digest, Reach reach);

  // Forgets a blob and every manifest record that is it (mirrors): for corrupt or vanished files.
  [[nodiscard]] Result<> forget_blob(const Digest& digest);

  // --- upkeep

  [[nodiscard]] Result<> flush_uses();
  void measure();  // catalog size into the budget

  // What the last open() found and mended, for the log and tests.
  struct Recovered {
    uint64_t blobs = 0, bytes = 0, records_dropped = 0, files_adopted = 0, partials = 0;
  };
  const Recovered& recovered() const { return recovered_; }
  uint64_t evicted_total() const;  // blobs

 private:
  struct Lock;
  struct IdlePartial {
    std::string route;
    uint64_t bytes = 0;
    Time modified{};
  };
  Store(const StoreSettings& settings, Disk& disk, const Clock& clock, Log& log);
  Result<> recover();
  Result<> recover_blobs();
  Result<> recover_partials();
  Result<> make_room(const std::string& route, uint64_t size);

  StoreSettings settings_;
  Disk& disk_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<Lock> lock_;
  Budget budget_;
  Blobs blobs_;
  std::unique_ptr<Catalog> catalog_;
  std::mutex change_;  // one change of meaning at a time: commits, evictions, forgetting
  std::mutex uses_mutex_;
  std::unordered_map<Digest, Time, DigestHash> uses_;
  std::map<std::string, IdlePartial> idle_partials_;  // by id
  uint64_t evicted_ = 0;
  Recovered recovered_;
};

}  // namespace breakwater::store
