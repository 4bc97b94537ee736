#include "store/store.h"

#include <algorithm>
#include <utility>

#include "store/catalog/catalog_state.h"

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

}  // namespace

Store::Store(const StoreSettings& settings, std::unique_ptr<FolderLock> lock,
             std::unique_ptr<Catalog> catalog, std::vector<std::string> mirrors, Disk& disk,
             const Clock& clock, Log& log)
    : settings_(settings),
      lock_(std::move(lock)),
      log_(log),
      rules_(std::move(mirrors), settings.retention, settings.lease),
      files_(disk, settings.data),
      mark_(disk, settings.data),
      catalog_(std::move(catalog)),
      budget_(settings.bytes_max),
      disk_bound_(budget_, files_, disk, settings.data, clock, log),
      leases_(clock, settings.lease),
      use_times_(*catalog_, locks_, clock, log),
      broken_(*catalog_, rules_, log),
      references_(*catalog_, files_, leases_, use_times_, broken_, mark_, rules_, clock, log),
      parts_{disk,    clock,   log,    rules_,     files_,  mark_,      *catalog_,
             budget_, leases_, locks_, use_times_, broken_, references_},
      trash_(parts_),
      blobs_(parts_, trash_),
      idle_partials_(parts_),
      collector_(parts_, blobs_, trash_),
      evictor_(parts_, blobs_, idle_partials_, trash_, collector_, disk_bound_),
      capacity_(budget_, disk_bound_, evictor_),
      partials_(parts_, idle_partials_, capacity_),
      manifests_(parts_, blobs_, capacity_),
      backup_(parts_, blobs_, trash_) {
  for (const auto& [route, bytes_max] : settings_.route_bytes_max) budget_.set_bound(route, bytes_max);
}

Result<std::unique_ptr<Store>> Store::open(const StoreSettings& settings, Disk& disk, const Clock& clock,
                                           Log& log) {
  if (auto made = disk.make_directories(settings.data); !made) return failure(made.error());
  // It may have been made just now. Where we may not open the folder above, whoever made ours has seen to it.
  (void)disk.sync_directory(std::filesystem::absolute(settings.data).parent_path());
  auto lock = FolderLock::take(settings.data);
  if (!lock) return failure(lock.error());
  auto catalog = Catalog::open(settings.data / "catalog", settings.catalog_cache_bytes, &log);
  if (!catalog) return failure(catalog.error());
  auto mirrors = remember_mirrors(**catalog, settings);
  if (!mirrors) return failure(mirrors.error());
  std::unique_ptr<Store> store(
      new Store(settings, *std::move(lock), *std::move(catalog), *std::move(mirrors), disk, clock, log));
  if (auto prepared = store->files_.prepare(); !prepared) return failure(prepared.error());
  auto recovered = recover(store->parts_, store->blobs_, store->idle_partials_);
  if (!recovered) return failure(recovered.error());
  store->recovered_ = *recovered;
  store->measure();
  store->is_open_ = true;
  return store;
}

Store::~Store() {
  if (!is_open_) return;
  // Not fatal: the next start takes its time and looks at every file.
  if (auto closed = close(); !closed) log_.warning("store_close_failed", {{"error", closed.error().message}});
}

Result<> Store::close() {
  if (auto flushed = use_times_.flush(); !flushed) return flushed;
  if (mark_.is_forgone()) return {};
  if (auto saved = catalog_->state().set_leases(leases_.saved()); !saved) return saved;
  if (auto marked = catalog_->state().set_clean(true); !marked) return marked;
  return mark_.make();
}

Result<Blob> Store::commit_blob(ReceivedPartial& partial, const RepositoryKey& repository,
                                Durability durability) {
  auto grown = capacity_.grow(partial.reservation, partial.writer->written());
  if (!grown) return failure(grown.error());
  return blobs_.commit(*partial.writer, partial.reservation, repository, durability);
}

Result<Imported> Store::import_blob(const RepositoryKey& repository, const Digest& digest,
                                    const std::filesystem::path& file) {
  return store::import_blob(parts_, blobs_, capacity_, repository, digest, file);
}

Result<> Store::export_blob(const Digest& digest, const std::filesystem::path& to) {
  return store::export_blob(parts_, blobs_, digest, to);
}

Result<> Store::tick() {
  measure();
  auto reviewed = references_.review_broken();
  auto flushed = use_times_.flush();
  return reviewed ? flushed : reviewed;
}

void Store::measure() {
  const uint64_t catalog_bytes = catalog_->disk_bytes();
  budget_.set_overhead(catalog_bytes + files_.directory_bytes());
  disk_bound_.set_growth(std::min(catalog_bytes, kCompactionBytesMax) + kCatalogLogBytesMax);
  disk_bound_.measure();
  if (!settings_.keeps_bounds) return;
  // A bound may have been lowered since the last start, and others may have filled the file system.
  std::vector<std::string> routes = rules_.mirrors();
  routes.emplace_back();
  for (const std::string& route : routes) {
    if (auto kept = capacity_.ensure(route, 0); !kept) {
      log_.warning("bound_not_kept", {{"route", route}, {"error", kept.error().message}});
    }
  }
}

}  // namespace breakwater::store
