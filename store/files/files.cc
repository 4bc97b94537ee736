#include "store/files/files.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace breakwater::store {
namespace {

constexpr size_t kPieceBytes = size_t{256} * 1024;
// Closed at a time when descriptors run out: enough for a while, and the rest stays warm.
constexpr size_t kGivenBackAtOnce = 16;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string folder_of(const Digest& digest) { return digest.hex().substr(0, 2); }

}  // namespace

Files::Files(Disk& disk, std::filesystem::path root, size_t open_files_max)
    : disk_(disk), root_(std::move(root)), open_(open_files_max) {}

Result<> Files::prepare() {
  for (const char* folder : {"blobs/sha256", "blobs/sha512", "incoming", "trash"}) {
    if (auto made = disk_.make_directories(root_ / folder); !made) return made;
  }
  for (const char* folder : {"blobs", "."}) {
    if (auto synced = disk_.sync_directory(root_ / folder); !synced) return synced;
  }
  if (auto checked = check_one_file_system(); !checked) return checked;
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const auto folder = root_ / "blobs" / name_of(algorithm);
    // What an earlier run made may not have reached the disk: a folder is known once its parent is synced.
    if (auto synced = disk_.sync_directory(folder); !synced) return synced;
    const auto entries = disk_.list(folder);
    if (!entries) return failure(entries.error());
    const Lock lock(mutex_);
    for (const DirectoryEntry& entry : *entries) {
      if (entry.is_directory) directories_.insert(folder / entry.name);
    }
  }
  return {};
}

// Files are renamed from each of these folders to others. Two folders may lie on one device and be different
// mounts all the same, so a file is renamed to know.
Result<> Files::check_one_file_system() {
  constexpr char kProbe[] = ".probe";
  std::filesystem::path at = root_ / "incoming" / kProbe;
  const auto made = disk_.open_for_writing(at);
  // Without room for a file nothing is renamed either, until there is some.
  if (!made) return made.error().kind == Error::Kind::full ? Result<>() : failure(made.error());
  for (const char* folder : {"blobs/sha256", "blobs/sha512", "trash"}) {
    auto renamed = disk_.rename(at, root_ / folder / kProbe);
    if (!renamed) (void)disk_.remove(at);
    if (!renamed && renamed.error().kind == Error::Kind::invalid) {
      return failure(Error::Kind::invalid, (root_ / folder).string() + " is on another file system than " +
                                               (root_ / "incoming").string() + ": mount one file system at " +
                                               root_.string());
    }
    if (!renamed) return renamed;
    at = root_ / folder / kProbe;
  }
  return disk_.remove(at);
}

std::optional<Blob> Files::open_if_warm(const Digest& digest) {
  auto blob = open_.find(digest);
  // Somebody may have cut the file off behind our back: then it is opened anew, and found out.
  if (blob && !disk_.is_whole(*blob->file, blob->size)) return std::nullopt;
  return blob;
}

Result<Blob> Files::open(const Digest& digest, uint64_t size) {
  while (true) {
    if (auto warm = open_if_warm(digest)) return *std::move(warm);
    const uint64_t deletions = open_.deletions();
    auto blob = open_file(digest, size);
    if (!blob || open_.put_unless_deleted(*blob, deletions)) return blob;
  }
}

size_t Files::give_back_idle() { return open_.take_idle(kGivenBackAtOnce).size(); }

Result<std::string> Files::read(const Blob& blob) {
  std::string bytes(static_cast<size_t>(blob.size), '\0');
  const auto got = disk_.read(*blob.file, 0, bytes);
  if (!got) return failure(got.error());
  bytes.resize(*got);
  return bytes;
}

Result<Digest> Files::hash(const Digest& digest) {
  const auto file = disk_.open(path_of(digest));
  if (!file) return failure(file.error());
  Hasher hasher(digest.algorithm());
  std::vector<char> buffer(kPieceBytes);
  for (uint64_t offset = 0;;) {
    const auto got = disk_.read(**file, offset, buffer);
    if (!got) return failure(got.error());
    hasher.update({buffer.data(), *got});
    if (*got < buffer.size()) return hasher.finish();
    offset += *got;
  }
}

Result<Blob> Files::open_file(const Digest& digest, uint64_t size) {
  const auto path = path_of(digest);
  const auto found = disk_.stat(path);
  if (!found) return failure(found.error());
  if (found->size != size) {
    auto deleted = delete_blob(digest);
    if (!deleted && deleted.error().kind != Error::Kind::not_found) return failure(deleted.error());
    return failure(Error::Kind::corrupt, "blob " + digest.text() + " had " + std::to_string(found->size) +
                                             " of " + std::to_string(size) + " bytes and is deleted");
  }
  auto file = disk_.open(path);
  if (!file) return failure(file.error());
  return Blob{digest, size, *std::move(file)};
}

Result<std::unique_ptr<BlobWriter>> Files::receive(const std::string& id, Algorithm algorithm) {
  assert(!id.empty() && id[0] != '.' && id.find('/') == std::string::npos);
  {
    const Lock lock(mutex_);
    if (!receiving_.insert(id).second)
      return failure(Error::Kind::conflict, id + " is being received already");
  }
  auto file = disk_.open_for_writing(path_of_partial(id));
  const auto found = file ? disk_.stat(path_of_partial(id)) : failure(file.error());
  if (!found) {
    const Lock lock(mutex_);
    receiving_.erase(id);
    return failure(found.error());
  }
  std::unique_ptr<BlobWriter> writer(new BlobWriter(*this, *std::move(file), id, algorithm));
  writer->count(found->size);
  return writer;
}

Result<> Files::delete_blob(const Digest& digest) {
  const SharedFile open = open_.take(digest);
  return leave_place(digest, {});
}

Result<> Files::trash(const Digest& digest) {
  const SharedFile open = open_.take(digest);
  return leave_place(digest, path_of_trashed(digest));
}

Result<bool> Files::trash_unless_read(const Digest& digest) {
  SharedFile open;
  if (!open_.take_unless_read(digest, open)) return false;
  if (auto trashed = leave_place(digest, path_of_trashed(digest)); !trashed) return failure(trashed.error());
  return true;
}

Result<> Files::leave_place(const Digest& digest, const std::filesystem::path& trash) {
  auto removed = trash.empty() ? disk_.remove(path_of(digest)) : disk_.rename(path_of(digest), trash);
  // Somebody may have opened the file after it left the table and before it left its place.
  const SharedFile open = open_.take(digest);
  return removed;
}

Result<> Files::restore(const Digest& digest) {
  if (auto made = make_directory_of(digest); !made) return made;
  if (auto renamed = disk_.rename(path_of_trashed(digest), path_of(digest)); !renamed) return renamed;
  return disk_.sync_directory(path_of(digest).parent_path());
}

Result<> Files::delete_trashed(const Digest& digest) { return disk_.remove(path_of_trashed(digest)); }

Result<std::vector<Digest>> Files::trashed() {
  const auto files = disk_.list(root_ / "trash");
  if (!files) return failure(files.error());
  std::vector<Digest> digests;
  for (const DirectoryEntry& file : *files) {
    std::string name = file.name;
    if (const size_t dash = name.find('-'); dash != std::string::npos) name[dash] = ':';
    if (const auto digest = Digest::parse(name)) digests.push_back(*digest);
  }
  return digests;
}

Result<std::vector<Digest>> Files::list(Algorithm algorithm, uint8_t first) {
  const std::string folder = {kHexDigits[first >> 4], kHexDigits[first & 15]};
  const auto path = root_ / "blobs" / name_of(algorithm) / folder;
  {
    const Lock lock(mutex_);
    if (!directories_.contains(path)) return std::vector<Digest>();
  }
  const auto files = disk_.list(path);
  if (!files) return failure(files.error());
  std::vector<Digest> digests;
  digests.reserve(files->size());
  const std::string prefix = std::string(name_of(algorithm)) + ":";
  for (const DirectoryEntry& file : *files) {
    const auto digest = Digest::parse(prefix + file.name);
    if (digest && folder_of(*digest) == folder) digests.push_back(*digest);
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

Result<FileStat> Files::stat(const Digest& digest) { return disk_.stat(path_of(digest)); }
Result<FileStat> Files::stat_trashed(const Digest& digest) { return disk_.stat(path_of_trashed(digest)); }

Result<std::vector<Files::Partial>> Files::partials() {
  const auto files = disk_.list(root_ / "incoming");
  if (!files) return failure(files.error());
  std::vector<Partial> partials;
  for (const DirectoryEntry& file : *files) {
    if (file.is_directory) continue;
    const auto found = disk_.stat(path_of_partial(file.name));
    if (!found) return failure(found.error());
    partials.push_back({file.name, *found});
  }
  return partials;
}

Result<> Files::delete_partial(const std::string& id) { return disk_.remove(path_of_partial(id)); }

void Files::end_receiving(const std::string& id) {
  const Lock lock(mutex_);
  receiving_.erase(id);
}

uint64_t Files::directory_bytes() {
  std::vector<std::filesystem::path> folders = {root_,
                                                root_ / "blobs",
                                                root_ / "blobs" / "sha256",
                                                root_ / "blobs" / "sha512",
                                                root_ / "incoming",
                                                root_ / "trash"};
  {
    const Lock lock(mutex_);
    folders.insert(folders.end(), directories_.begin(), directories_.end());
  }
  uint64_t bytes = 0;
  for (const auto& folder : folders) {
    if (const auto found = disk_.stat(folder)) bytes += found->on_disk;
  }
  return bytes;
}

std::filesystem::path Files::path_of(const Digest& digest) const {
  return root_ / "blobs" / name_of(digest.algorithm()) / folder_of(digest) / digest.hex();
}

std::filesystem::path Files::path_of_partial(const std::string& id) const { return root_ / "incoming" / id; }

std::filesystem::path Files::path_of_trashed(const Digest& digest) const {
  return root_ / "trash" / (std::string(name_of(digest.algorithm())) + "-" + digest.hex());
}

Result<> Files::place(BlobWriter& writer) {
  const Digest& digest = *writer.verified_;
  const auto partial = path_of_partial(writer.id_);
  if (auto made = make_directory_of(digest); !made) return made;
  const auto path = path_of(digest);
  const auto earlier = disk_.stat(path);
  if (!earlier && earlier.error().kind != Error::Kind::not_found) return failure(earlier.error());
  if (auto renamed = disk_.rename(partial, path); !renamed) return renamed;
  writer.is_partial_ = false;
  auto synced = disk_.sync_directory(path.parent_path());
  // What replaced an earlier blob equals it, and stays: the earlier one was acknowledged.
  if (synced || earlier) return synced;
  // Not acknowledged, so it must not look stored: it goes back to where it can be committed or resumed from.
  writer.is_partial_ = disk_.rename(path, partial).has_value();
  if (!writer.is_partial_) (void)disk_.remove(path);
  return synced;
}

Result<> Files::make_directory_of(const Digest& digest) {
  const auto folder = path_of(digest).parent_path();
  {
    const Lock lock(mutex_);
    if (directories_.contains(folder)) return {};
  }
  if (auto made = disk_.make_directories(folder); !made) return made;
  if (auto synced = disk_.sync_directory(folder.parent_path()); !synced) return synced;
  const Lock lock(mutex_);
  directories_.insert(folder);
  return {};
}

}  // namespace breakwater::store
