// The store as the layers above see it: it builds the parts in order, opens and closes the data folder, and
// does what takes several of them. README.md has the picture: which class owns what, and who calls whom.
//
//   auto store = *Store::open(settings, disk, clock, log);  // runs recovery before anything is served
//
//   auto partial = store->partials().receive("private", id, Algorithm::sha256);
//   store->capacity().grow(partial->reservation, bytes);
//   partial->writer->append(…);
//   partial->writer->verify(digest);
//   store->commit_blob(*partial, repository, Durability::synced);  // now the blob is stored
//
//   store->manifests().push(repository, digest, bytes, content, {"latest"});
//
// Everything may block and may be called from any thread, unless it says that it never blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/capacity/budget.h"
#include "store/catalog/rows.h"
#include "store/files/blob.h"
#include "store/references/retention.h"
#include "store/upkeep/forgetting.h"
#include "store/upkeep/planning.h"
#include "store/upkeep/recovery.h"

namespace breakwater::store {

class AccessTokens;
class Backup;
class Blobs;
class Broken;
class CacheGenerations;
class Capacity;
class Catalog;
class Collector;
class IdlePartials;
class Manifests;
class Partials;
class Pins;
class ReceivedPartial;
class References;
class RouteRules;
class StoreClock;
class TagHistories;
class TrafficHistory;
class Trash;
struct Parts;

struct StoreSettings {
  std::filesystem::path data = "data";
  uint64_t bytes_max = Budget::kUnbounded;          // the whole store
  std::map<std::string, uint64_t> route_bytes_max;  // by route name; absent = only the whole bounds it
  std::vector<std::string> mirror_routes;           // their content may be evicted: it can be fetched again
  // Routes whose content exists only here: only dead content, stale uploads and cache tags may be evicted. A
  // route in neither list stays a mirror if it was one at the last start.
  std::vector<std::string> registry_routes;
  uint64_t catalog_cache_bytes = 32ULL << 20;
  size_t open_blobs_max = 256;  // files of blobs that nobody reads just now and that stay open
  int catalog_files_max = -1;   // files that the catalog keeps open; -1: all of them
  // How long a digest is safe from collection after a registry's client was told that the digest exists.
  Time::duration lease = std::chrono::hours(1);
  // Of registries, by route name: the first policy that speaks of a repository counts.
  std::map<std::string, std::vector<RetentionPolicy>> retention;
  // True: measure() evicts what mirrors hold over a bound, also when the store is opened. False: content is
  // evicted only when room is asked for.
  bool keeps_bounds = true;
};

class Store {
 public:
  // Takes the folder's lock. `conflict` if another process serves it, if a newer version has written it, or
  // if its catalog is another folder's, or not there: then nothing is touched. What it borrows outlives it.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const StoreSettings& settings, Disk& disk,
                                                           const Clock& clock, Log& log);
  ~Store();  // marks a clean stop, unless CleanMark::forgo() was called
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // --- the parts. Each is declared in the header of its name.

  const Catalog& catalog() const;
  const Budget& budget() const;
  const Broken& broken() const;
  const Pins& pins() const;
  AccessTokens& access_tokens();
  const RouteRules& rules() const;
  References& references();
  TagHistories& tag_histories();
  TrafficHistory& traffic();
  CacheGenerations& generations();
  Blobs& blobs();
  Manifests& manifests();
  Partials& partials();
  IdlePartials& idle_partials();
  Trash& trash();
  Capacity& capacity();
  Collector& collector();
  Backup& backup();
  const StoreClock& clock() const;
  // For what is built on a Store: Scrub, and the questions of explaining.h and usage.h.
  const Parts& parts() const;

  // --- what takes several of them

  // Ends a fill or an upload whose writer is verified: the file, its record, its link and its account are one
  // from now on, and the upload record of its id is gone. On an error the partial stays. `full` if the
  // content is longer than what was reserved and there is no room for the rest.
  [[nodiscard]] Result<Blob> commit_blob(ReceivedPartial& partial, const RepositoryKey& repository,
                                         Durability durability);
  // Why nothing can be read or written: the data folder is not there any more. Empty if it is. As of the last
  // operation on the disk or check_folder(). Never blocks.
  std::optional<Error> away() const;
  void check_folder();
  // As store::plan() (planning.h), and as store::forget_route() and store::what_is_left_of()
  // (forgetting.h).
  [[nodiscard]] Result<Plan> plan(const std::stop_token& stop);
  [[nodiscard]] Result<Forgotten> forget_route(const std::string& route, const std::stop_token& stop);
  [[nodiscard]] Result<Forgotten> what_is_left_of(const std::string& route);
  // What the file system of the data folder has, as it was measured last. Never blocks.
  std::optional<DiskSpace> disk_space() const;
  // All that was acknowledged buffered survives a power cut from now on.
  [[nodiscard]] Result<> sync();

  // To be called every now and then: saves where the store's clock is, calls measure(), takes back what was
  // lost and is there again, finds out whether
  // broken things still are broken (References::review_broken), trims the histories of tags, writes the use
  // times of blobs and tokens that are only in memory, and looks how old the oldest of them are.
  [[nodiscard]] Result<> tick();
  // When each mirror's blob that was not used for longest was used last, by the store's clock, as tick() last
  // found it; a mirror without any is not in it. Never blocks.
  std::map<std::string, Time> oldest_uses() const;
  // Measures what the catalog and the folders take of the disk, and evicts what mirrors hold over a bound. An
  // account that turned out to be wrong since the last call is told to the log (accounting_error).
  void measure();

  const Recovered& recovered() const;  // by open()

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::store
