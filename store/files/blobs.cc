#include "store/files/blobs.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace breakwater::store {
namespace {

constexpr size_t kHashBufferBytes = size_t{256} * 1024;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string folder_of(const Digest& digest) { return digest.hex().substr(0, 2); }

}  // namespace

// --- BlobWriter

BlobWriter::BlobWriter(Blobs& blobs, SharedFile file, std::string id, Algorithm algorithm)
    : blobs_(blobs), file_(std::move(file)), id_(std::move(id)), algorithm_(algorithm), hasher_(algorithm) {}

BlobWriter::~BlobWriter() {
  leave_account();
  if (is_partial_) leave_incoming();
}

Result<bool> BlobWriter::catch_up(uint64_t bytes_max) {
  // Piece by piece, so that after one that could not be read it goes on there.
  for (uint64_t left = std::min(bytes_max, written_ - hashed_); left > 0;) {
    const uint64_t piece = std::min<uint64_t>(left, kHashBufferBytes);
    const auto hashed = hash_file(hasher_, hashed_, piece);
    if (!hashed) return failure(hashed.error());
    hashed_ += *hashed;
    if (*hashed < piece) count(hashed_);  // it has become shorter
    left = *hashed < piece ? 0 : left - piece;
  }
  return hashed_ == written_;
}

Result<> BlobWriter::append(std::span<const char> data) {
  assert(is_partial_ && !verified_);
  if (auto caught_up = catch_up(UINT64_MAX); !caught_up) return failure(caught_up.error());
  if (auto wrote = blobs_.disk_.write(*file_, written_, data); !wrote) {
    // What did arrive is cut off again, so that the file takes no more than what is counted. If that fails
    // too, the next append overwrites it.
    (void)blobs_.disk_.truncate(*file_, written_);
    return wrote;
  }
  hasher_.update(data);
  count(written_ + data.size());
  hashed_ = written_;
  return {};
}

Result<> BlobWriter::rewind(uint64_t bytes) {
  assert(is_partial_ && !verified_);
  if (bytes >= written_) return {};
  if (auto cut = blobs_.disk_.truncate(*file_, bytes); !cut) return cut;
  count(bytes);
  hasher_ = Hasher(algorithm_);
  hashed_ = 0;
  return {};
}

Result<> BlobWriter::verify(const Digest& digest) {
  assert(is_partial_ && !verified_);
  if (auto caught_up = catch_up(UINT64_MAX); !caught_up) return failure(caught_up.error());
  Hasher hasher = std::exchange(hasher_, Hasher(algorithm_));
  if (digest.algorithm() != algorithm_) {
    hasher = Hasher(digest.algorithm());
    const auto hashed = hash_file(hasher, 0, written_);
    if (!hashed) return failure(hashed.error());
    if (*hashed != written_)
      return failure(Error::Kind::corrupt, "the partial " + id_ + " has become shorter");
  }
  const Digest found = hasher.finish();
  if (found != digest) {
    return failure(Error::Kind::corrupt, "content of " + std::to_string(written_) + " bytes is " +
                                             found.text() + ", not " + digest.text());
  }
  verified_ = digest;
  return {};
}

Result<> BlobWriter::sync() {
  assert(verified_);
  if (synced_) return {};
  // The kernel tells of lost pages once: a second sync would succeed without them.
  if (sync_failed_)
    return failure(Error::Kind::internal, "the partial " + id_ + " could not be synced, so it is of no use");
  auto synced = blobs_.disk_.sync(*file_);
  (synced ? synced_ : sync_failed_) = true;
  return synced;
}

Result<Blob> BlobWriter::commit() {
  assert(is_partial_ && verified_);
  if (auto synced = sync(); !synced) return failure(synced.error());
  const auto placed = blobs_.place(*this);
  if (!is_partial_) leave_incoming();
  if (!placed) return failure(placed.error());
  Blob blob{*verified_, written_, file_};
  blobs_.remember(blob);
  return blob;
}

void BlobWriter::discard() {
  if (!is_partial_) return;
  is_partial_ = false;
  count(0);  // before the bytes are free, so that nobody counts on them twice
  (void)blobs_.remove_partial(id_);
  leave_incoming();
}

Result<uint64_t> BlobWriter::hash_file(Hasher& hasher, uint64_t first, uint64_t bytes) {
  std::vector<char> buffer(std::min<uint64_t>(bytes, kHashBufferBytes));
  uint64_t hashed = 0;
  while (hashed < bytes) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes - hashed));
    const auto got = blobs_.disk_.read(*file_, first + hashed, {buffer.data(), piece});
    if (!got) return failure(got.error());
    hasher.update({buffer.data(), *got});
    hashed += *got;
    if (*got < piece) break;
  }
  return hashed;
}

void BlobWriter::count(uint64_t written) {
  if (is_counted_) blobs_.receiving_bytes_ += on_disk(written) - on_disk(written_);
  written_ = written;
}

void BlobWriter::leave_account() {
  if (!std::exchange(is_counted_, false)) return;
  blobs_.receiving_bytes_ -= on_disk(written_);
}

void BlobWriter::leave_incoming() {
  const std::lock_guard lock(blobs_.mutex_);
  blobs_.receiving_.erase(id_);
}

// --- Blobs

Blobs::Blobs(Disk& disk, std::filesystem::path root, size_t open_files_max)
    : disk_(disk), root_(std::move(root)), open_files_max_(open_files_max) {}

Result<> Blobs::prepare() {
  for (const char* folder : {"blobs/sha256", "blobs/sha512", "incoming", "trash"}) {
    if (auto made = disk_.make_directories(root_ / folder); !made) return made;
  }
  for (const char* folder : {"blobs", "."}) {
    if (auto synced = disk_.sync_directory(root_ / folder); !synced) return synced;
  }
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const auto folder = root_ / "blobs" / name_of(algorithm);
    // What an earlier run made may not have reached the disk: a folder is known once its parent is synced.
    if (auto synced = disk_.sync_directory(folder); !synced) return synced;
    const auto entries = disk_.list(folder);
    if (!entries) return failure(entries.error());
    const std::lock_guard lock(mutex_);
    for (const DirectoryEntry& entry : *entries) {
      if (entry.is_directory) directories_.insert(folder / entry.name);
    }
  }
  return {};
}

std::optional<Blob> Blobs::open_if_warm(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(digest);
  if (found == open_.end()) return std::nullopt;
  // Somebody may have cut it off behind our back: it is opened anew, and then found out.
  if (!disk_.is_whole(*found->second.blob.file, found->second.blob.size)) return std::nullopt;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.blob;
}

Result<Blob> Blobs::open(const Digest& digest, uint64_t size) {
  while (true) {
    if (auto warm = open_if_warm(digest)) return *std::move(warm);
    const uint64_t before = removals();
    auto blob = open_file(digest, size);
    if (!blob || remember(*blob, before)) return blob;
  }
}

Result<Blob> Blobs::open_file(const Digest& digest, uint64_t size) {
  const auto path = path_of(digest);
  const auto found = disk_.stat(path);
  if (!found) return failure(found.error());
  if (found->size != size) {
    (void)remove(digest);
    return failure(Error::Kind::corrupt, "blob " + digest.text() + " had " + std::to_string(found->size) +
                                             " of " + std::to_string(size) + " bytes and is removed");
  }
  auto file = disk_.open(path);
  if (!file) return failure(file.error());
  return Blob{digest, size, *std::move(file)};
}

Result<std::unique_ptr<BlobWriter>> Blobs::receive(const std::string& id, Algorithm algorithm) {
  assert(!id.empty() && id[0] != '.' && id.find('/') == std::string::npos);
  {
    const std::lock_guard lock(mutex_);
    if (!receiving_.insert(id).second)
      return failure(Error::Kind::conflict, id + " is being received already");
  }
  auto file = disk_.open_for_writing(path_of_partial(id));
  const auto found = file ? disk_.stat(path_of_partial(id)) : failure(file.error());
  if (!found) {
    const std::lock_guard lock(mutex_);
    receiving_.erase(id);
    return failure(found.error());
  }
  std::unique_ptr<BlobWriter> writer(new BlobWriter(*this, *std::move(file), id, algorithm));
  writer->count(found->size);
  return writer;
}

Result<> Blobs::remove(const Digest& digest) {
  const SharedFile open = forget(digest);
  return leave_place(digest, {});
}

Result<> Blobs::trash(const Digest& digest) {
  const SharedFile open = forget(digest);
  return leave_place(digest, path_of_trashed(digest));
}

Result<bool> Blobs::trash_if_unread(const Digest& digest) {
  SharedFile open;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(digest);
    if (found != open_.end()) {
      // Copies are only made under the mutex, so one that is alone stays alone.
      if (found->second.blob.file.use_count() > 1) return false;
      open = std::move(found->second.blob.file);
      uses_.erase(found->second.use);
      open_.erase(found);
    }
    ++removals_;
  }
  if (auto removed = leave_place(digest, path_of_trashed(digest)); !removed) return failure(removed.error());
  return true;
}

bool Blobs::is_read(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(digest);
  return found != open_.end() && found->second.blob.file.use_count() > 1;
}

Result<> Blobs::leave_place(const Digest& digest, const std::filesystem::path& trash) {
  auto removed = trash.empty() ? disk_.remove(path_of(digest)) : disk_.rename(path_of(digest), trash);
  // Somebody may have opened it between forgetting and removing.
  const SharedFile open = forget(digest);
  return removed;
}

Result<> Blobs::restore(const Digest& digest) {
  if (auto made = make_directory_of(digest); !made) return made;
  if (auto renamed = disk_.rename(path_of_trashed(digest), path_of(digest)); !renamed) return renamed;
  return disk_.sync_directory(path_of(digest).parent_path());
}

Result<> Blobs::remove_trashed(const Digest& digest) { return disk_.remove(path_of_trashed(digest)); }

Result<std::vector<Digest>> Blobs::trashed() {
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

Result<std::vector<Digest>> Blobs::list(Algorithm algorithm, uint8_t first) {
  const std::string folder = {kHexDigits[first >> 4], kHexDigits[first & 15]};
  const auto path = root_ / "blobs" / name_of(algorithm) / folder;
  {
    const std::lock_guard lock(mutex_);
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

Result<FileStat> Blobs::stat(const Digest& digest) { return disk_.stat(path_of(digest)); }
Result<FileStat> Blobs::stat_trashed(const Digest& digest) { return disk_.stat(path_of_trashed(digest)); }

Result<std::vector<Blobs::Partial>> Blobs::partials() {
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

Result<> Blobs::remove_partial(const std::string& id) { return disk_.remove(path_of_partial(id)); }

uint64_t Blobs::directory_bytes() {
  std::vector<std::filesystem::path> folders = {root_,
                                                root_ / "blobs",
                                                root_ / "blobs" / "sha256",
                                                root_ / "blobs" / "sha512",
                                                root_ / "incoming",
                                                root_ / "trash"};
  {
    const std::lock_guard lock(mutex_);
    folders.insert(folders.end(), directories_.begin(), directories_.end());
  }
  uint64_t bytes = 0;
  for (const auto& folder : folders) {
    if (const auto found = disk_.stat(folder)) bytes += found->on_disk;
  }
  return bytes;
}

std::filesystem::path Blobs::path_of(const Digest& digest) const {
  return root_ / "blobs" / name_of(digest.algorithm()) / folder_of(digest) / digest.hex();
}

std::filesystem::path Blobs::path_of_partial(const std::string& id) const { return root_ / "incoming" / id; }

std::filesystem::path Blobs::path_of_trashed(const Digest& digest) const {
  return root_ / "trash" / (std::string(name_of(digest.algorithm())) + "-" + digest.hex());
}

Result<> Blobs::place(BlobWriter& writer) {
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

Result<> Blobs::make_directory_of(const Digest& digest) {
  const auto folder = path_of(digest).parent_path();
  {
    const std::lock_guard lock(mutex_);
    if (directories_.contains(folder)) return {};
  }
  if (auto made = disk_.make_directories(folder); !made) return made;
  if (auto synced = disk_.sync_directory(folder.parent_path()); !synced) return synced;
  const std::lock_guard lock(mutex_);
  directories_.insert(folder);
  return {};
}

// --- the table of open blobs. Files leave it through return values, because closing a removed file can take
// the disk a while and must not happen under the mutex that the loop takes.

uint64_t Blobs::removals() const {
  const std::lock_guard lock(mutex_);
  return removals_;
}

bool Blobs::remember(const Blob& blob, uint64_t removals) {
  std::vector<SharedFile> closed;
  const std::lock_guard lock(mutex_);
  if (removals_ != removals) return false;
  closed = remember_locked(blob);
  return true;
}

void Blobs::remember(const Blob& blob) {
  std::vector<SharedFile> closed;
  const std::lock_guard lock(mutex_);
  closed = remember_locked(blob);
}

std::vector<SharedFile> Blobs::remember_locked(const Blob& blob) {
  std::vector<SharedFile> closed;
  if (const auto found = open_.find(blob.digest); found != open_.end()) {
    closed.push_back(std::exchange(found->second.blob.file, blob.file));
    found->second.blob.size = blob.size;
    uses_.splice(uses_.begin(), uses_, found->second.use);
    return closed;
  }
  uses_.push_front(blob.digest);
  open_.emplace(blob.digest, OpenBlob{blob, uses_.begin()});
  return trim();
}

std::vector<SharedFile> Blobs::trim() {
  std::vector<SharedFile> closed;
  // What somebody reads stays in the table, because that is how trash_if_unread() knows.
  auto candidate = uses_.end();
  while (open_.size() > open_files_max_ && candidate != uses_.begin()) {
    --candidate;
    const auto found = open_.find(*candidate);
    if (found->second.blob.file.use_count() > 1) continue;
    closed.push_back(std::move(found->second.blob.file));
    open_.erase(found);
    candidate = uses_.erase(candidate);
  }
  return closed;
}

SharedFile Blobs::forget(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  ++removals_;
  const auto found = open_.find(digest);
  if (found == open_.end()) return nullptr;
  SharedFile file = std::move(found->second.blob.file);
  uses_.erase(found->second.use);
  open_.erase(found);
  return file;
}

}  // namespace breakwater::store
