// The part of Store that backs it up while it is used: first every blob, however long that takes, and those
// that came meanwhile, until they are few; then, while nothing is removed, the catalog and the last of them.
// So each blob that the backup's catalog names is in the backup, and removals wait for a moment only.
#include <set>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kRecordsAtOnce = 1000;
constexpr uint64_t kFewBlobs = 50;
constexpr int kPassesMax = 10;  // where pushes are faster than the backup

}  // namespace

// One that is being made.
struct Store::Backup {
  Blobs blobs;  // of its folder
  const std::stop_token& stop;
  std::set<std::filesystem::path> folders = {};  // to be synced in the end
  BackedUp done = {};
};

Result<Store::BackedUp> Store::back_up(const std::filesystem::path& to, const std::stop_token& stop) {
  const std::unique_lock alone(backing_up_, std::try_to_lock);
  if (!alone) return failure(Error::Kind::conflict, "a backup is being made already");
  std::filesystem::path whole = std::filesystem::absolute(to).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // it ended with a slash
  // Under another name until it is whole.
  std::filesystem::path part = whole;
  part += ".incomplete";
  if (disk_.stat(whole)) return failure(Error::Kind::conflict, whole.string() + " is there already");
  if (disk_.stat(part))
    return failure(Error::Kind::conflict,
                   part.string() + " is there, of a backup that did not end: remove it first");

  Backup backup{Blobs(disk_, part), stop};
  if (auto made = backup.blobs.prepare(); !made) return failure(made.error());
  for (int pass = 0; pass < kPassesMax; ++pass) {
    const uint64_t before = backup.done.blobs;
    if (auto given = give_blobs(backup); !given) return failure(given.error());
    if (backup.done.blobs - before <= kFewBlobs) break;
  }
  {
    const std::scoped_lock nothing_goes(collecting_, room_);
    if (auto written = catalog_->checkpoint(part / "catalog"); !written) return failure(written.error());
    if (auto given = give_blobs(backup); !given) return failure(given.error());
  }
  backup.folders.insert({part / "catalog", part});
  for (const auto& folder : backup.folders) {
    if (auto synced = disk_.sync_directory(folder); !synced) return failure(synced.error());
  }
  if (auto renamed = disk_.rename(part, whole); !renamed) return failure(renamed.error());
  if (auto synced = disk_.sync_directory(whole.parent_path()); !synced) return failure(synced.error());
  log_.info("backed_up", {{"to", whole.string()},
                          {"blobs", static_cast<int64_t>(backup.done.blobs)},
                          {"bytes", static_cast<int64_t>(backup.done.bytes)}});
  return backup.done;
}

// Those that are not there yet.
Result<> Store::give_blobs(Backup& backup) {
  const auto skip = [this](const Error& error) {
    log_.error("record_malformed", {{"error", error.message}});
  };
  for (std::string position;;) {
    const auto some = catalog_->next_blobs(position, kRecordsAtOnce, skip);
    if (!some) return failure(some.error());
    for (const UsedBlob& blob : *some) {
      if (auto given = give_to(backup, blob.digest, blob.record); !given) return given;
    }
    if (some->size() < kRecordsAtOnce) return {};
  }
}

Result<> Store::give_to(Backup& backup, const Digest& digest, const BlobRecord& record) {
  if (backup.stop.stop_requested()) return failure(Error::Kind::unavailable, "the backup was stopped");
  const std::filesystem::path to = backup.blobs.path_of(digest);
  const std::filesystem::path folder = to.parent_path();
  if (!backup.folders.contains(folder)) {
    if (auto made = disk_.make_directories(folder); !made) return made;
    backup.folders.insert({folder, folder.parent_path()});
  }
  const auto given = give_file(blobs_.path_of(digest), record.size, to);
  // Collected meanwhile; or lost, which no backup could mend.
  if (!given && given.error().kind == Error::Kind::not_found) return {};
  if (!given) return failure(given.error());
  if (*given) {
    ++backup.done.blobs;
    backup.done.bytes += record.size;
  }
  return {};
}

}  // namespace breakwater::store
