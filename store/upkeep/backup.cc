#include "store/upkeep/backup.h"

#include <set>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/blobs/trash.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/files/files.h"
#include "store/files/folder_format.h"
#include "store/files/outside.h"
#include "store/upkeep/transfer.h"

namespace breakwater::store {
namespace {

constexpr size_t kRecordsAtOnce = 1000;
constexpr uint64_t kFewBlobs = 50;
constexpr int kPassesMax = 10;  // where pushes are faster than the backup

// The copy that is being made.
class Copy {
 public:
  Copy(const Parts& parts, std::filesystem::path folder, const std::stop_token& stop,
       std::atomic<uint64_t>* bytes)
      : parts_(parts), folder_(std::move(folder)), files_(parts.disk, folder_), stop_(stop), bytes_(bytes) {}

  Result<> prepare() { return files_.prepare(); }
  Result<> add_all();
  Result<> add(const std::vector<Digest>& digests);
  Result<> add_catalog();
  Result<> sync();
  const BackedUp& done() const { return done_; }

 private:
  Result<> add(const Digest& digest, uint64_t size);
  Result<bool> link(const Digest& digest, uint64_t size, const std::filesystem::path& to);

  const Parts& parts_;
  const std::filesystem::path folder_;
  Files files_;
  const std::stop_token& stop_;
  std::atomic<uint64_t>* const bytes_;
  std::set<std::filesystem::path> folders_;  // to be synced in the end
  BackedUp done_;
};

Result<> Copy::add_all() {
  const auto skip = [this](const Error& error) {
    parts_.log.error("record_malformed", {{"error", error.message}});
  };
  for (std::string position;;) {
    const auto some = parts_.catalog.walk().next_blobs(position, kRecordsAtOnce, skip);
    if (!some) return failure(some.error());
    for (const UsedBlob& blob : *some) {
      if (auto added = add(blob.digest, blob.record.size); !added) return added;
    }
    if (some->size() < kRecordsAtOnce) return {};
  }
}

Result<> Copy::add(const std::vector<Digest>& digests) {
  for (const Digest& digest : digests) {
    const auto record = parts_.catalog.blob(digest, Reach::disk);
    if (!record) return failure(record.error());
    // Its record is about to be written; or it has gone meanwhile, and may be in the copy's catalog all the
    // same, and its file in the trash.
    auto file = parts_.files.stat(digest);
    if (!file && file.error().kind == Error::Kind::not_found) file = parts_.files.stat_trashed(digest);
    if (!file && file.error().kind != Error::Kind::not_found) return failure(file.error());
    if (!*record && !file) continue;
    if (auto added = add(digest, *record ? (*record)->size : file->size); !added) return added;
  }
  return {};
}

Result<> Copy::add(const Digest& digest, uint64_t size) {
  if (stop_.stop_requested()) return failure(Error::Kind::unavailable, "the backup was stopped");
  const std::filesystem::path to = files_.path_of(digest);
  const std::filesystem::path folder = to.parent_path();
  if (!folders_.contains(folder)) {
    if (auto made = parts_.disk.make_directories(folder); !made) return made;
    folders_.insert({folder, folder.parent_path()});
  }
  const auto linked = link(digest, size, to);
  // Collected meanwhile; or lost, which no backup could mend.
  if (!linked && linked.error().kind == Error::Kind::not_found) return {};
  if (!linked) return failure(linked.error());
  if (*linked) {
    ++done_.blobs;
    done_.bytes += size;
    if (bytes_ != nullptr) *bytes_ = done_.bytes;
  }
  return {};
}

// With the id that the catalog has of its folder, so that the two belong together in the copy.
Result<> Copy::add_catalog() {
  const auto id = parts_.catalog.state().folder_id();
  if (!id) return failure(id.error());
  if (auto copied = parts_.catalog.checkpoint(folder_ / "catalog"); !copied || !*id) return copied;
  return write_folder_id(parts_.disk, folder_, **id);
}

// From its place, or from the trash; and from its place again, where it may have been restored to.
Result<bool> Copy::link(const Digest& digest, uint64_t size, const std::filesystem::path& to) {
  Result<bool> linked = false;
  for (const auto& from :
       {parts_.files.path_of(digest), parts_.files.path_of_trashed(digest), parts_.files.path_of(digest)}) {
    linked = link_or_copy(parts_.disk, from, size, {parts_.disk, false, nullptr, stop_}, to);
    if (linked || linked.error().kind != Error::Kind::not_found) return linked;
  }
  return linked;
}

Result<> Copy::sync() {
  folders_.insert({folder_ / "catalog", folder_});
  for (const auto& folder : folders_) {
    if (auto synced = parts_.disk.sync_directory(folder); !synced) return synced;
  }
  return {};
}

Result<BackedUp> make(const Parts& parts, Blobs& blobs, Trash& trash, const std::filesystem::path& whole,
                      const std::stop_token& stop, std::atomic<uint64_t>* bytes) {
  if (auto outside = check_outside(parts.disk, parts.files.root(), whole); !outside)
    return failure(outside.error());
  // Under another name until it is whole.
  std::filesystem::path part = whole;
  part += ".incomplete";
  if (parts.disk.stat(whole)) return failure(Error::Kind::conflict, whole.string() + " is there already");
  if (parts.disk.stat(part)) {
    return failure(Error::Kind::conflict,
                   part.string() + " is there, of a backup that did not end: remove it first");
  }
  Copy copy(parts, part, stop, bytes);
  if (auto made = copy.prepare(); !made) return failure(made.error());
  Blobs::Journal journal(blobs);
  if (auto added = copy.add_all(); !added) return failure(added.error());
  for (int pass = 0; pass < kPassesMax; ++pass) {
    const std::vector<Digest> committed = journal.take();
    if (auto added = copy.add(committed); !added) return failure(added.error());
    if (committed.size() <= kFewBlobs) break;
  }
  {
    const Trash::Hold hold(trash);
    if (auto added = copy.add_catalog(); !added) return failure(added.error());
    if (auto added = copy.add(journal.take()); !added) return failure(added.error());
  }
  (void)trash.empty();  // what cannot be freed now stays for the collector
  if (auto synced = copy.sync(); !synced) return failure(synced.error());
  if (auto renamed = parts.disk.rename(part, whole); !renamed) return failure(renamed.error());
  if (auto synced = parts.disk.sync_directory(whole.parent_path()); !synced) return failure(synced.error());
  return copy.done();
}

}  // namespace

// While this lives another backup is refused.
class Backup::Turn {
 public:
  explicit Turn(Backup& backup) : backup_(backup) {
    const Lock lock(backup_.mutex_);
    is_ours_ = !std::exchange(backup_.is_running_, true);
  }
  ~Turn() {
    const Lock lock(backup_.mutex_);
    if (is_ours_) backup_.is_running_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool is_ours() const { return is_ours_; }

 private:
  Backup& backup_;
  bool is_ours_ = false;
};

Backup::Backup(const Parts& parts, Blobs& blobs, Trash& trash) : parts_(parts), blobs_(blobs), trash_(trash) {
  const auto record = parts_.catalog.state().backup();
  if (!record) parts_.log.warning("record_malformed", {{"error", record.error().message}});
  if (record && *record) last_ = (*record)->made_at.time_since_epoch().count();
}

Result<BackedUp> Backup::back_up(const std::filesystem::path& to, const std::stop_token& stop,
                                 std::atomic<uint64_t>* bytes) {
  const Turn turn(*this);
  if (!turn.is_ours()) return failure(Error::Kind::conflict, "a backup is being made already");
  std::filesystem::path whole = std::filesystem::absolute(to).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // it ended with a slash
  auto made = make(parts_, blobs_, trash_, whole, stop, bytes);
  if (made) {
    parts_.log.info("backed_up", {{"to", whole.string()},
                                  {"blobs", static_cast<int64_t>(made->blobs)},
                                  {"bytes", static_cast<int64_t>(made->bytes)}});
    note(parts_.clock.wall());
  }
  return made;
}

// What cannot be noted is made all the same.
void Backup::note(Time at) {
  last_ = at.time_since_epoch().count();
  if (auto noted = parts_.catalog.state().set_backup({at}); !noted)
    parts_.log.warning("backup_not_noted", {{"error", noted.error().message}});
}

}  // namespace breakwater::store
