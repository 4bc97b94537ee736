#include "store/files/folder_disk.h"

namespace breakwater::store {
namespace {

using Path = std::filesystem::path;

constexpr int64_t kRetryAfterS = 5;

Error away_error(const Path& data, const std::string& why) {
  return Error{Error::Kind::storage,
               "the data folder " + data.string() + " is not the one that was opened (" + why +
                   "): nothing of it is forgotten, and it is used again when it is back",
               kRetryAfterS};
}

}  // namespace

FolderDisk::FolderDisk(Disk& real, Path data, Log& log)
    : real_(real), data_(std::move(data)), inside_((data_ / "").native()), log_(log) {}

Result<> FolderDisk::watch() {
  std::vector<std::pair<Path, FileId>> watched;
  for (const char* name : {"", "blobs", "blobs/sha256", "blobs/sha512", "incoming", "trash", "catalog"}) {
    const Path path = *name == '\0' ? data_ : data_ / name;
    const auto found = real_.stat_target(path);
    if (!found) return failure(found.error());
    watched.emplace_back(path, found->id);
  }
  // Without room for it a start leaves it to the next one.
  if (const auto format = real_.stat(data_ / "format")) watched.emplace_back(data_ / "format", format->id);
  watched_ = std::move(watched);
  is_watching_ = true;
  return {};
}

Result<> FolderDisk::compare() const {
  if (!is_watching_) return {};
  for (const auto& [path, id] : watched_) {
    const auto found = real_.stat_target(path);
    if (!found) return failure(away_error(data_, found.error().message));
    if (found->id != id) return failure(away_error(data_, path.string() + " is another file"));
  }
  return {};
}

Result<> FolderDisk::check() {
  auto compared = compare();
  bool was_away = false;
  {
    const Lock lock(mutex_);
    was_away = away_.has_value();
    away_ = compared ? std::nullopt : std::optional(compared.error());
  }
  if (!compared && !was_away) log_.error("data_folder_away", {{"reason", compared.error().message}});
  if (compared && was_away) log_.warning("data_folder_back", {{"folder", data_.string()}});
  return compared;
}

std::optional<Error> FolderDisk::away() const {
  const Lock lock(mutex_);
  return away_;
}

bool FolderDisk::is_inside(const Path& path) const {
  return is_watching_ && (path.native().starts_with(inside_) || path == data_);
}

template <class Operation>
auto FolderDisk::look(const Path& path, Operation operation) -> decltype(operation()) {
  auto done = operation();
  if (done || !is_inside(path)) return done;
  // A full disk, or a link that is there, does not look like a folder that is away.
  const bool is_telling = done.error().kind == Error::Kind::not_found ||
                          done.error().kind == Error::Kind::storage ||
                          done.error().kind == Error::Kind::internal;
  if (!is_telling) return done;
  if (auto checked = check(); !checked) return failure(checked.error());
  return done;
}

template <class Operation>
auto FolderDisk::only_if_there(const Path& path, Operation operation) -> decltype(operation()) {
  if (is_inside(path)) {
    if (auto checked = check(); !checked) return failure(checked.error());
  }
  return look(path, operation);
}

// --- Disk

Result<SharedFile> FolderDisk::open(const Path& path) {
  return only_if_there(path, [&] { return real_.open(path); });
}
Result<SharedFile> FolderDisk::open_for_writing(const Path& path) {
  return only_if_there(path, [&] { return real_.open_for_writing(path); });
}
Result<SharedFile> FolderDisk::create(const Path& path) {
  return only_if_there(path, [&] { return real_.create(path); });
}
Result<> FolderDisk::write(const File& file, uint64_t offset, std::span<const char> data) {
  return real_.write(file, offset, data);
}
Result<size_t> FolderDisk::read(const File& file, uint64_t offset, std::span<char> into) {
  return real_.read(file, offset, into);
}
Result<> FolderDisk::truncate(const File& file, uint64_t size) { return real_.truncate(file, size); }
Result<> FolderDisk::allocate(const File& file, uint64_t offset, uint64_t length) {
  return real_.allocate(file, offset, length);
}
Result<> FolderDisk::sync(const File& file) { return real_.sync(file); }
Result<> FolderDisk::sync_directory(const Path& path) {
  return look(path, [&] { return real_.sync_directory(path); });
}
bool FolderDisk::resident(const File& file, uint64_t offset, uint64_t length) {
  return real_.resident(file, offset, length);
}
Result<> FolderDisk::read_ahead(const File& file, uint64_t offset, uint64_t length) {
  return real_.read_ahead(file, offset, length);
}
void FolderDisk::drop_resident(const File& file, uint64_t offset, uint64_t length) {
  real_.drop_resident(file, offset, length);
}
void FolderDisk::advise(const File& file, Access access) { real_.advise(file, access); }
bool FolderDisk::is_whole(const File& file, uint64_t size) { return real_.is_whole(file, size); }
Result<FileStat> FolderDisk::stat(const Path& path) {
  return look(path, [&] { return real_.stat(path); });
}
Result<FileStat> FolderDisk::stat_target(const Path& path) {
  return look(path, [&] { return real_.stat_target(path); });
}
Result<> FolderDisk::rename(const Path& from, const Path& to) {
  return only_if_there(to, [&] { return real_.rename(from, to); });
}
Result<> FolderDisk::link(const Path& from, const Path& to) {
  return only_if_there(to, [&] { return look(from, [&] { return real_.link(from, to); }); });
}
Result<> FolderDisk::remove(const Path& path) {
  return only_if_there(path, [&] { return real_.remove(path); });
}
Result<> FolderDisk::make_directories(const Path& path) {
  return only_if_there(path, [&] { return real_.make_directories(path); });
}
Result<> FolderDisk::remove_directory(const Path& path) {
  return only_if_there(path, [&] { return real_.remove_directory(path); });
}
Result<std::vector<DirectoryEntry>> FolderDisk::list(const Path& path) {
  return look(path, [&] { return real_.list(path); });
}
Result<DiskSpace> FolderDisk::space(const Path& path) {
  return look(path, [&] { return real_.space(path); });
}

}  // namespace breakwater::store
