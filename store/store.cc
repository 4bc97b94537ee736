#include "store/store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "store/access/access_tokens.h"
#include "store/base/mutex.h"
#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/blobs/trash.h"
#include "store/capacity/capacity.h"
#include "store/capacity/disk_bound.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/store_clock.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/files/folder_disk.h"
#include "store/files/folder_format.h"
#include "store/files/folder_lock.h"
#include "store/history/cache_generations.h"
#include "store/history/traffic_history.h"
#include "store/references/broken.h"
#include "store/references/digest_locks.h"
#include "store/references/leases.h"
#include "store/references/pins.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/references/tag_histories.h"
#include "store/references/use_times.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/store_evictor.h"

namespace breakwater::store {
namespace {

// What the catalog's files may grow by between two measurements: a compaction writes anew what it reads, and
// the log fills up.
constexpr uint64_t kCompactionBytesMax = 32ULL << 20;
constexpr uint64_t kCatalogLogBytesMax = 8ULL << 20;

// The mirrors of the settings, and those of an earlier start that have become no registry: what they have
// left would be nobody's for ever, if it were not known that it can be fetched again.
Result<std::vector<std::string>> remember_mirrors(Catalog& catalog, const StoreSettings& settings) {
  const auto before = catalog.state().mirrors();
  if (!before) return failure(before.error());
  std::vector<std::string> mirrors = settings.mirror_routes;
  const auto has = [](const std::vector<std::string>& routes, const std::string& route) {
    return std::find(routes.begin(), routes.end(), route) != routes.end();
  };
  for (const std::string& route : *before) {
    if (!has(mirrors, route) && !has(settings.registry_routes, route)) mirrors.push_back(route);
  }
  if (std::is_permutation(before->begin(), before->end(), mirrors.begin(), mirrors.end())) return mirrors;
  const auto remembered = catalog.state().set_mirrors(mirrors);
  // Without room for that another start will do it.
  if (!remembered && remembered.error().kind != Error::Kind::full) return failure(remembered.error());
  return mirrors;
}

// A folder that has an id has a catalog. Without it a new one would be made, for which all blobs are of no
// use.
Result<> check_catalog(Disk& disk, const std::filesystem::path& data) {
  const auto found = disk.stat_target(data / "catalog" / "CURRENT");
  if (found) return {};
  if (found.error().kind != Error::Kind::not_found) return failure(found.error());
  return failure(Error::Kind::conflict,
                 "the catalog of " + data.string() + " is not there (" + (data / "catalog").string() +
                     "): put it back, or mount it; if it is lost, and no backup has it, remove " +
                     (data / "format").string() +
                     ", and the blobs are taken into a new catalog without tags");
}

// The folder and its catalog have one id. The first start with a version that knows of ids makes it.
Result<> agree_on_id(Disk& disk, const std::filesystem::path& data, const std::optional<std::string>& folder,
                     CatalogState& catalog) {
  const auto known = catalog.folder_id();
  if (!known) return failure(known.error());
  if (folder && *known && *folder != **known) {
    return failure(Error::Kind::conflict, "the catalog in " + (data / "catalog").string() +
                                              " belongs to another data folder than " +
                                              (data / "format").string() + " names: nothing is touched");
  }
  const std::string id = folder ? *folder : known->value_or(new_folder_id());
  if (!*known) {
    auto noted = catalog.set_folder_id(id);
    if (!noted && noted.error().kind == Error::Kind::full) return {};  // another start will do it
    if (!noted) return noted;
  }
  if (folder) return {};
  auto written = write_folder_id(disk, data, id);
  return !written && written.error().kind == Error::Kind::full ? Result<>() : written;
}

std::vector<std::string> configured_routes(const StoreSettings& settings) {
  std::vector<std::string> routes = settings.mirror_routes;
  routes.insert(routes.end(), settings.registry_routes.begin(), settings.registry_routes.end());
  return routes;
}

}  // namespace

// In the order of the folders: each part is given only parts that are declared above it.
struct Store::Impl {
  Impl(const StoreSettings& all_settings, std::unique_ptr<FolderLock> taken,
       std::unique_ptr<FolderDisk> folder, std::unique_ptr<Catalog> opened, std::vector<std::string> mirrors,
       const Clock& machine, const std::optional<ClockRecord>& saved_clock, Log& the_log)
      : settings(all_settings),
        lock(std::move(taken)),
        folder_disk(std::move(folder)),
        disk(*folder_disk),
        log(the_log),
        clock(machine, saved_clock),
        rules(std::move(mirrors), configured_routes(settings), settings.retention, settings.lease),
        files(disk, settings.data, settings.open_blobs_max),
        mark(disk, settings.data),
        catalog(std::move(opened)),
        budget(settings.bytes_max),
        disk_bound(budget, files, disk, settings.data, clock, log),
        leases(clock, settings.lease),
        use_times(*catalog, locks, clock, log),
        broken(*catalog, rules, clock, log),
        references(*catalog, files, leases, use_times, broken, mark, pins, rules, clock, log),
        access_tokens(*catalog, clock),
        tag_histories(*catalog, log),
        traffic(*catalog, clock, log),
        generations(*catalog, rules, clock, log),
        parts{disk,  clock,     log,    rules, files,      mark,          *catalog, budget,     leases,
              locks, use_times, broken, pins,  references, tag_histories, traffic,  generations},
        trash(parts),
        blobs(parts, trash),
        idle_partials(parts),
        collector(parts, blobs, trash),
        evictor(parts, blobs, idle_partials, trash, collector, disk_bound),
        capacity(budget, disk_bound, evictor),
        partials(parts, idle_partials, capacity),
        manifests(parts, blobs, capacity),
        backup(parts, blobs, trash) {
    for (const auto& [route, bytes_max] : settings.route_bytes_max) budget.set_bound(route, bytes_max);
    disk.relieve_by([this] { return files.give_back_idle(); });
  }
  ~Impl() { parts.disk.relieve_by(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void save_clock();
  Result<> take_back_lost();
  Result<> note_oldest_uses();

  const StoreSettings settings;
  const std::unique_ptr<FolderLock> lock;
  const std::unique_ptr<FolderDisk> folder_disk;
  FolderDisk& disk;
  Log& log;

  StoreClock clock;
  const RouteRules rules;
  Files files;
  CleanMark mark;
  const std::unique_ptr<Catalog> catalog;
  Budget budget;
  DiskBound disk_bound;
  Leases leases;
  DigestLocks locks;
  UseTimes use_times;
  Broken broken;
  Pins pins;
  References references;
  AccessTokens access_tokens;
  TagHistories tag_histories;
  TrafficHistory traffic;
  CacheGenerations generations;
  const Parts parts;
  Trash trash;
  Blobs blobs;
  IdlePartials idle_partials;
  Collector collector;
  StoreEvictor evictor;
  Capacity capacity;
  Partials partials;
  Manifests manifests;
  Backup backup;

  Recovered recovered;
  bool is_open = false;
  std::atomic<uint64_t> accounting_errors_told = 0;
  mutable Mutex oldest_mutex;
  std::map<std::string, Time> oldest_uses GUARDED_BY(oldest_mutex);
};

// Without room for it another tick does it. Only after a restart of the machine it would be missed.
void Store::Impl::save_clock() {
  if (!clock.is_record_due()) return;
  if (auto saved = catalog->state().set_clock(clock.record()); !saved)
    log.warning("clock_not_saved", {{"error", saved.error().message}});
}

// What was lost and is there again: somebody has put its file back.
Result<> Store::Impl::take_back_lost() {
  for (const BrokenThing& thing : broken.things()) {
    if (thing.kind != BrokenThing::Kind::missing || thing.routes.empty()) continue;
    if (auto back = blobs.take_back(*thing.routes.begin(), thing.digest); !back) return failure(back.error());
  }
  return {};
}

// One seek for each mirror.
Result<> Store::Impl::note_oldest_uses() {
  std::map<std::string, Time> found;
  for (const std::string& route : rules.mirrors()) {
    const auto oldest = catalog->queues().least_recently_used(route, 1);
    if (!oldest) return failure(oldest.error());
    if (!oldest->empty()) found.emplace(route, oldest->front().record.used_at);
  }
  const Lock lock_of_it(oldest_mutex);
  oldest_uses = std::move(found);
  return {};
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Store>> Store::open(const StoreSettings& settings, Disk& real, const Clock& clock,
                                           Log& log) {
  auto folder = std::make_unique<FolderDisk>(real, settings.data, log);
  FolderDisk& disk = *folder;
  // Before anything is touched.
  const auto id = read_folder_id(disk, settings.data);
  if (!id) return failure(id.error());
  if (auto made = disk.make_directories(settings.data); !made) return failure(made.error());
  // It may have been made just now. Where we may not open the folder above, whoever made ours has seen to it.
  (void)disk.sync_directory(std::filesystem::absolute(settings.data).parent_path());
  auto lock = FolderLock::take(settings.data);
  if (!lock) return failure(lock.error());
  if (auto there = *id ? check_catalog(disk, settings.data) : Result<>(); !there)
    return failure(there.error());
  auto catalog = Catalog::open(disk, settings.data / "catalog", settings.catalog_cache_bytes, &log,
                               settings.catalog_files_max);
  if (!catalog) return failure(catalog.error());
  if (auto same = agree_on_id(disk, settings.data, *id, (*catalog)->state()); !same)
    return failure(same.error());
  auto mirrors = remember_mirrors(**catalog, settings);
  if (!mirrors) return failure(mirrors.error());
  const auto saved_clock = (*catalog)->state().clock();
  if (!saved_clock) return failure(saved_clock.error());
  auto impl = std::make_unique<Impl>(settings, *std::move(lock), std::move(folder), *std::move(catalog),
                                     *std::move(mirrors), clock, *saved_clock, log);
  impl->save_clock();
  if (auto prepared = impl->files.prepare(); !prepared) return failure(prepared.error());
  if (auto watched = disk.watch(); !watched) return failure(watched.error());
  if (auto loaded = impl->pins.load(*impl->catalog); !loaded) return failure(loaded.error());
  if (auto loaded = impl->access_tokens.load(); !loaded) return failure(loaded.error());
  auto recovered = recover(impl->parts, impl->blobs, impl->idle_partials);
  if (!recovered) return failure(recovered.error());
  impl->recovered = *recovered;
  std::unique_ptr<Store> store(new Store(std::move(impl)));
  store->measure();
  store->impl_->is_open = true;
  return store;
}

Store::~Store() {
  Impl& own = *impl_;
  if (!own.is_open) return;
  const auto close = [&own]() -> Result<> {
    if (auto flushed = own.use_times.flush(); !flushed) return flushed;
    if (auto flushed = own.access_tokens.flush(AccessTokens::Flush::now); !flushed) return flushed;
    if (own.mark.is_forgone() || own.catalog->may_differ()) return {};
    if (auto saved = own.catalog->state().set_leases(own.leases.saved()); !saved) return saved;
    if (auto marked = own.catalog->state().set_clean(true); !marked) return marked;
    return own.mark.make();
  };
  // Not fatal: the next start takes its time and looks at every file.
  if (auto closed = close(); !closed)
    own.log.warning("store_close_failed", {{"error", closed.error().message}});
}

const Catalog& Store::catalog() const { return *impl_->catalog; }
const Budget& Store::budget() const { return impl_->budget; }
const Broken& Store::broken() const { return impl_->broken; }
const Pins& Store::pins() const { return impl_->pins; }
AccessTokens& Store::access_tokens() { return impl_->access_tokens; }
const RouteRules& Store::rules() const { return impl_->rules; }
References& Store::references() { return impl_->references; }
TagHistories& Store::tag_histories() { return impl_->tag_histories; }
TrafficHistory& Store::traffic() { return impl_->traffic; }
CacheGenerations& Store::generations() { return impl_->generations; }
Blobs& Store::blobs() { return impl_->blobs; }
Manifests& Store::manifests() { return impl_->manifests; }
Partials& Store::partials() { return impl_->partials; }
IdlePartials& Store::idle_partials() { return impl_->idle_partials; }
Trash& Store::trash() { return impl_->trash; }
Capacity& Store::capacity() { return impl_->capacity; }
Collector& Store::collector() { return impl_->collector; }
Backup& Store::backup() { return impl_->backup; }
const StoreClock& Store::clock() const { return impl_->clock; }
const Parts& Store::parts() const { return impl_->parts; }
const Recovered& Store::recovered() const { return impl_->recovered; }

Result<Blob> Store::commit_blob(ReceivedPartial& partial, const RepositoryKey& repository,
                                Durability durability) {
  auto grown = impl_->capacity.grow(partial.reservation, partial.writer->written());
  if (!grown) return failure(grown.error());
  return impl_->blobs.commit(*partial.writer, partial.reservation, repository, durability);
}

std::optional<Error> Store::away() const { return impl_->disk.away(); }
void Store::check_folder() { (void)impl_->disk.check(); }

Result<Plan> Store::plan(const std::stop_token& stop) {
  return store::plan(impl_->parts, impl_->idle_partials, stop);
}

Result<Forgotten> Store::forget_route(const std::string& route, const std::stop_token& stop) {
  return store::forget_route({impl_->parts, impl_->blobs, impl_->idle_partials, impl_->trash}, route, stop);
}

Result<Forgotten> Store::what_is_left_of(const std::string& route) {
  return store::what_is_left_of({impl_->parts, impl_->blobs, impl_->idle_partials, impl_->trash}, route);
}

Result<> Store::sync() { return impl_->catalog->sync(); }

Result<> Store::tick() {
  impl_->save_clock();
  measure();
  auto taken_back = impl_->take_back_lost();
  auto reviewed = taken_back ? impl_->references.review_broken() : taken_back;
  auto trimmed = reviewed ? impl_->tag_histories.trim() : reviewed;
  if (trimmed) trimmed = impl_->generations.trim();
  auto flushed = impl_->use_times.flush();
  if (flushed) flushed = impl_->access_tokens.flush(AccessTokens::Flush::if_due);
  if (flushed) flushed = impl_->note_oldest_uses();
  return trimmed ? flushed : trimmed;
}

std::map<std::string, Time> Store::oldest_uses() const {
  const Lock lock(impl_->oldest_mutex);
  return impl_->oldest_uses;
}

std::optional<DiskSpace> Store::disk_space() const { return impl_->disk_bound.space(); }

void Store::measure() {
  const uint64_t errors = impl_->budget.accounting_errors();
  if (errors > impl_->accounting_errors_told.exchange(errors)) {
    impl_->log.error("accounting_error", {{"times", static_cast<int64_t>(errors)},
                                          {"advice",
                                           "what is stored may be more than is counted until the "
                                           "next start, which counts anew: please report it"}});
  }
  const uint64_t catalog_bytes = impl_->catalog->disk_bytes();
  impl_->budget.set_overhead(catalog_bytes + impl_->files.directory_bytes());
  impl_->disk_bound.set_growth(std::min(catalog_bytes, kCompactionBytesMax) + kCatalogLogBytesMax);
  impl_->disk_bound.measure();
  if (!impl_->settings.keeps_bounds) return;
  // A bound may have been lowered since the last start, and others may have filled the file system.
  std::vector<std::string> routes = impl_->rules.mirrors();
  routes.emplace_back();
  for (const std::string& route : routes) {
    if (auto kept = impl_->capacity.ensure(route, 0); !kept) {
      impl_->log.warning("bound_not_kept", {{"route", route}, {"error", kept.error().message}});
    }
  }
}

}  // namespace breakwater::store
