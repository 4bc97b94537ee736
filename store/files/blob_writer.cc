#include "store/files/blob_writer.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "store/files/files.h"

namespace breakwater::store {
namespace {

constexpr size_t kHashBufferBytes = size_t{256} * 1024;

}  // namespace

BlobWriter::BlobWriter(Files& files, SharedFile file, std::string id, Algorithm algorithm)
    : files_(files), file_(std::move(file)), id_(std::move(id)), algorithm_(algorithm), hasher_(algorithm) {}

BlobWriter::~BlobWriter() {
  leave_account();
  if (is_partial_) files_.end_receiving(id_);
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
  if (auto wrote = files_.disk_.write(*file_, written_, data); !wrote) {
    // What did arrive is cut off again, so that the file takes no more than what is counted. If that fails
    // too, the next append overwrites some of it, and the rest is cut off before the end.
    may_be_longer_ = true;
    (void)cut();
    return wrote;
  }
  hasher_.update(data);
  count(written_ + data.size());
  hashed_ = written_;
  return {};
}

Result<> BlobWriter::cut() {
  if (!may_be_longer_) return {};
  auto cut = files_.disk_.truncate(*file_, written_);
  if (cut) may_be_longer_ = false;
  return cut;
}

Result<> BlobWriter::rewind(uint64_t bytes) {
  assert(is_partial_ && !verified_);
  if (bytes >= written_) return {};
  if (auto cut = files_.disk_.truncate(*file_, bytes); !cut) return cut;
  may_be_longer_ = false;
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
  if (auto cut_off = cut(); !cut_off) return cut_off;
  if (!files_.disk_.is_whole(*file_, written_)) {
    return failure(Error::Kind::corrupt, "the partial " + id_ + " is not the file of " +
                                             std::to_string(written_) + " bytes that was written");
  }
  auto synced = files_.disk_.sync(*file_);
  (synced ? synced_ : sync_failed_) = true;
  return synced;
}

Result<Blob> BlobWriter::commit() {
  assert(is_partial_ && verified_);
  if (auto synced = sync(); !synced) return failure(synced.error());
  const auto placed = files_.place(*this);
  if (!is_partial_) files_.end_receiving(id_);
  if (!placed) return failure(placed.error());
  Blob blob{*verified_, written_, file_};
  files_.open_.put(blob);
  return blob;
}

void BlobWriter::delete_partial() {
  if (!is_partial_) return;
  is_partial_ = false;
  count(0);  // before the bytes are free, so that nobody counts on them twice
  (void)files_.delete_partial(id_);
  files_.end_receiving(id_);
}

Result<uint64_t> BlobWriter::hash_file(Hasher& hasher, uint64_t first, uint64_t bytes) {
  std::vector<char> buffer(std::min<uint64_t>(bytes, kHashBufferBytes));
  uint64_t hashed = 0;
  while (hashed < bytes) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes - hashed));
    const auto got = files_.disk_.read(*file_, first + hashed, {buffer.data(), piece});
    if (!got) return failure(got.error());
    hasher.update({buffer.data(), *got});
    hashed += *got;
    if (*got < piece) break;
  }
  return hashed;
}

void BlobWriter::count(uint64_t written) {
  if (is_counted_) files_.receiving_bytes_ += on_disk(written) - on_disk(written_);
  written_ = written;
}

void BlobWriter::leave_account() {
  if (!std::exchange(is_counted_, false)) return;
  files_.receiving_bytes_ -= on_disk(written_);
}

}  // namespace breakwater::store
