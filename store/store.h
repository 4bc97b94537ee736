// The store as the layers above see it: it builds the parts in order, opens and closes the data folder, and
// does what takes several of them. README.md has the picture: which class owns what, and who calls whom.
//
//   auto store = Store::open(settings, disk, clock, log);                    // recovers, before anything is
//   served auto partial = store->partials().receive("private", id, Algorithm::sha256);
//   store->capacity().grow(partial->reservation, bytes); partial->writer->append(…);
//   partial->writer->verify(digest); store->commit_blob(*partial, repository, Durability::synced); // now it
//   is stored store->manifests().push(repository, digest, bytes, content, {"latest"});
//
// Everything may block and may be called from any thread, unless it says that it never blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/capacity/capacity.h"
#include "store/capacity/disk_bound.h"
#include "store/files/folder_lock.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/recovery.h"
#include "store/upkeep/store_evictor.h"
#include "store/upkeep/transfer.h"

namespace breakwater::store {

struct StoreSettings {
  std::filesystem::path data = "data";
  uint64_t bytes_max = Budget::kUnbounded;          // the whole store
  std::map<std::string, uint64_t> route_bytes_max;  // by route name; absent = only the whole bounds it
  std::vector<std::string> mirror_routes;           // routes whose blobs may be evicted at will
  // Never evicted as cache. A route in neither list stays a mirror if it was one at the last start.
  std::vector<std::string> registry_routes;
  uint64_t catalog_cache_bytes = 8ULL << 20;
  // For so long what a client of a registry was told exists is not collected.
  Time::duration lease = std::chrono::hours(1);
  RouteRules::Retention retention;  // of registries
  // What is over a bound goes when it is measured, also at open; false: only when room is asked for.
  bool keeps_bounds = true;
};

class Store {
 public:
  // Takes the folder's lock: `conflict` if another process serves it. What it borrows outlives it.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const StoreSettings& settings, Disk& disk,
                                                           const Clock& clock, Log& log);
  ~Store();  // marks a clean stop
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // --- the parts

  const Catalog& catalog() const { return *catalog_; }
  const Budget& budget() const { return budget_; }
  const Broken& broken() const { return broken_; }
  const RouteRules& rules() const { return rules_; }
  References& references() { return references_; }
  Blobs& blobs() { return blobs_; }
  Manifests& manifests() { return manifests_; }
  Partials& partials() { return partials_; }
  Capacity& capacity() { return capacity_; }
  Collector& collector() { return collector_; }
  Backup& backup() { return backup_; }
  // For what is built on a Store: Scrub, and the questions of explaining.h.
  const Parts& parts() const { return parts_; }

  // --- what takes several of them

  // Ends a fill or an upload whose writer is verified: the file, its record, its link and its account are one
  // from now on, and the upload record of its id is gone. On an error the partial stays. `full` if the
  // content is longer than what was reserved and there is no room for the rest.
  [[nodiscard]] Result<Blob> commit_blob(ReceivedPartial& partial, const RepositoryKey& repository,
                                         Durability durability);
  // As store::import_blob() and store::export_blob() (transfer.h).
  [[nodiscard]] Result<Imported> import_blob(const RepositoryKey& repository, const Digest& digest,
                                             const std::filesystem::path& file);
  [[nodiscard]] Result<> export_blob(const Digest& digest, const std::filesystem::path& to);
  // All that was acknowledged buffered survives a power cut from now on.
  [[nodiscard]] Result<> sync() { return catalog_->sync(); }

  // For every now and then: writes what is only noted, looks what the catalog and the folders take of the
  // disk, keeps the bounds, and asks of what was broken whether it still is.
  [[nodiscard]] Result<> tick();
  // The second of these.
  void measure();

  const Recovered& recovered() const { return recovered_; }  // by open()

 private:
  Store(const StoreSettings& settings, std::unique_ptr<FolderLock> lock, std::unique_ptr<Catalog> catalog,
        std::vector<std::string> mirrors, Disk& disk, const Clock& clock, Log& log);
  Result<> close();

  const StoreSettings settings_;
  const std::unique_ptr<FolderLock> lock_;
  Log& log_;

  // In the order of the rooms: each is given what stands above it here.
  RouteRules rules_;
  Files files_;
  CleanMark mark_;
  std::unique_ptr<Catalog> catalog_;
  Budget budget_;
  DiskBound disk_bound_;
  Leases leases_;
  DigestLocks locks_;
  UseTimes use_times_;
  Broken broken_;
  References references_;
  const Parts parts_;
  Trash trash_;
  Blobs blobs_;
  IdlePartials idle_partials_;
  Collector collector_;
  StoreEvictor evictor_;
  Capacity capacity_;
  Partials partials_;
  Manifests manifests_;
  Backup backup_;

  Recovered recovered_;
  bool is_open_ = false;
};

}  // namespace breakwater::store
