#include "store/upkeep/transfer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/files/files.h"

namespace breakwater::store {
namespace {

constexpr size_t kPieceBytes = size_t{256} * 1024;
constexpr uint64_t kCopiedAtOnce = 8ULL << 20;

std::string import_id(const Digest& digest) {
  return "import-" + std::string(name_of(digest.algorithm())) + "-" + digest.hex();
}

// A read error in somebody else's folder is told as `unavailable`, because it is no failure of our own disk.
tl::unexpected<Error> not_given(const Error& error) {
  const bool is_gone = error.kind == Error::Kind::not_found;
  return failure(is_gone ? error.kind : Error::Kind::unavailable, error.message);
}

// Keeps a copy from disturbing others: what was written goes to the disk in small portions, so that it does
// not pile up in memory until nobody else can write; both disks then rest for as long as that took; and the
// page cache is left to what is being served.
class Pace {
 public:
  Pace(Disk& own, const File& from, Disk& outside, const File& to)
      : own_(own), outside_(outside), from_(from), to_(to) {}

  // To be called whenever the copy has reached `bytes`.
  Result<> keep(uint64_t bytes) {
    if (bytes - done_ < kCopiedAtOnce) return {};
    const auto began = std::chrono::steady_clock::now();
    if (auto synced = outside_.sync(to_); !synced) return synced;
    drop_to(bytes);
    std::this_thread::sleep_for(std::chrono::steady_clock::now() - began);
    return {};
  }
  void drop_to(uint64_t bytes) {
    outside_.drop_resident(to_, done_, bytes - done_);
    if (is_cold_) own_.drop_resident(from_, done_, bytes - done_);
    done_ = bytes;
  }

 private:
  Disk& own_;
  Disk& outside_;
  const File& from_;
  const File& to_;
  // Who is not in memory as a whole is not much asked for.
  const bool is_cold_ = !own_.resident(from_, 0, 1);
  uint64_t done_ = 0;
};

void count(const Outside& outside, uint64_t bytes) {
  if (outside.bytes != nullptr) *outside.bytes += bytes;
}

Result<> check_stop(const Outside& outside) {
  return outside.stop.stop_requested() ? failure(Error::Kind::unavailable, "it was stopped") : Result<>();
}

// Calls `each` for the pieces of a file, up to `size` bytes of it. `unavailable` if it cannot be read, or is
// not to be read any more.
template <class Each>
Result<> read_pieces(Disk& disk, const File& file, uint64_t size, const Outside& outside, Each each) {
  std::vector<char> buffer(kPieceBytes);
  for (uint64_t offset = 0; offset < size;) {
    if (auto goes_on = check_stop(outside); !goes_on) return goes_on;
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size - offset));
    const auto got = disk.read(file, offset, {buffer.data(), piece});
    if (!got) return failure(Error::Kind::unavailable, got.error().message);
    if (auto done = each(offset, std::span<const char>(buffer.data(), *got)); !done) return done;
    if (*got < piece) break;
    offset += *got;
  }
  return {};
}

// What the file's bytes are, as many of them as the blob has.
Result<Digest> hash_file(Disk& disk, const File& file, const Blob& blob, const Outside& outside) {
  Hasher hasher(blob.digest.algorithm());
  const auto hash = [&](uint64_t, std::span<const char> piece) -> Result<> {
    hasher.update(piece);
    return {};
  };
  if (auto read = read_pieces(disk, file, blob.size, outside, hash); !read) return failure(read.error());
  return hasher.finish();
}

// Whether the file `path` outside is the blob, whose own file is `own`.
Result<bool> holds(Disk& disk, const Outside& outside, const std::filesystem::path& path,
                   const std::filesystem::path& own, const Blob& blob) {
  // Not through a symbolic link: what it leads to may go.
  const auto found = outside.disk.stat(path);
  if (!found && found.error().kind != Error::Kind::not_found) return failure(found.error());
  if (!found || !found->is_file || found->size != blob.size) return false;
  if (const auto ours = disk.stat(own); ours && ours->id == found->id) return true;
  const auto file = outside.disk.open(path);
  return file && hash_file(outside.disk, **file, blob, outside) == blob.digest;
}

// Whether the repository has it, or now has it because another one of the route does.
Result<bool> has_or_mounts(Blobs& blobs, const RepositoryKey& repository, const Digest& digest) {
  const auto blob = blobs.lease(repository, digest, Reach::disk);
  if (blob) return true;
  if (blob.error().kind != Error::Kind::not_found) return failure(blob.error());
  return blobs.mount(repository, "", digest);
}

// `invalid` if the file cannot have a name here, or not one through which it can be made durable.
Result<std::unique_ptr<BlobWriter>> receive_by_link(const Parts& parts, const Digest& digest,
                                                    const Outside& outside,
                                                    const std::filesystem::path& file) {
  if (outside.is_lent) return failure(Error::Kind::invalid, "it is reached by another's rights");
  const std::string id = import_id(digest);
  if (auto linked = parts.disk.link(file, parts.files.path_of_partial(id)); !linked)
    return failure(linked.error());
  // What is there is hashed, as of a partial that is resumed.
  auto writer = parts.files.receive(id, digest.algorithm());
  if (writer) return writer;
  (void)parts.files.delete_partial(id);
  return failure(Error::Kind::invalid, writer.error().message);
}

Result<std::unique_ptr<BlobWriter>> receive_by_copy(const Parts& parts, const Digest& digest,
                                                    const Outside& outside, const std::filesystem::path& file,
                                                    uint64_t size) {
  const auto from = outside.disk.open(file);
  if (!from) return not_given(from.error());
  auto writer = parts.files.receive(import_id(digest), digest.algorithm());
  if (!writer) return writer;
  const auto append = [&](uint64_t, std::span<const char> piece) {
    count(outside, piece.size());
    return (*writer)->append(piece);
  };
  // What a process that was killed has left of it counts for nothing.
  auto copied = (*writer)->rewind(0);
  if (copied) copied = read_pieces(outside.disk, **from, size, outside, append);
  if (!copied) {
    (*writer)->delete_partial();
    return failure(copied.error());
  }
  return writer;
}

}  // namespace

Result<Imported> import_blob(const Parts& parts, Blobs& blobs, Capacity& capacity,
                             const RepositoryKey& repository, const Digest& digest, const Outside& outside,
                             const std::filesystem::path& file, Capacity::Effort effort) {
  if (auto goes_on = check_stop(outside); !goes_on) return failure(goes_on.error());
  const auto held = has_or_mounts(blobs, repository, digest);
  if (!held) return failure(held.error());
  if (*held) return Imported::held;
  const auto found = outside.disk.stat_target(file);
  if (!found) return not_given(found.error());
  if (!found->is_file) return failure(Error::Kind::unavailable, file.string() + " is no regular file");
  auto reservation = capacity.reserve(repository.route, found->size, effort);
  if (!reservation) return failure(reservation.error());
  auto writer = receive_by_link(parts, digest, outside, file);
  const bool is_linked = writer.has_value();
  if (!writer && writer.error().kind == Error::Kind::invalid)
    writer = receive_by_copy(parts, digest, outside, file, found->size);
  if (!writer) return failure(writer.error());
  const auto commit = [&]() -> Result<> {
    if (auto verified = (*writer)->verify(digest); !verified) return verified;
    if (auto grown = capacity.grow(*reservation, (*writer)->written(), effort); !grown) return grown;
    const auto blob = blobs.commit(**writer, *reservation, repository, Durability::buffered);
    if (!blob) return failure(blob.error());
    return {};
  };
  if (auto committed = commit(); !committed) {
    (*writer)->delete_partial();
    return failure(committed.error());
  }
  // rename(2) does nothing if both names are the same file already, so the partial's name may still be there.
  if (is_linked) (void)parts.files.delete_partial(import_id(digest));
  if (is_linked) count(outside, found->size);
  return is_linked ? Imported::linked : Imported::copied;
}

Result<> export_blob(const Parts& parts, Blobs& blobs, const Digest& digest, const Outside& outside,
                     const std::filesystem::path& to) {
  const auto blob = blobs.open(digest);
  if (!blob) return failure(blob.error());
  const auto found = hash_file(parts.disk, *blob->file, *blob, outside);
  if (!found) return failure(found.error());
  if (*found != digest)
    return failure(Error::Kind::corrupt,
                   "the stored blob " + digest.text() + " does not match its digest any more");
  const auto from = parts.files.path_of(digest);
  count(outside, blob->size);
  const auto given = link_or_copy(parts.disk, from, blob->size, outside, to);
  if (!given) return failure(given.error());
  if (*given) return {};
  const auto same = holds(parts.disk, outside, to, from, *blob);
  if (!same) return failure(same.error());
  if (*same) return {};
  // Beside it, so that what is there is replaced at once or not at all.
  std::filesystem::path beside = to;
  beside += ".new";
  auto removed = outside.disk.remove(beside);
  if (!removed && removed.error().kind != Error::Kind::not_found) return removed;
  auto again = link_or_copy(parts.disk, from, blob->size, outside, beside);
  return again ? outside.disk.rename(beside, to) : failure(again.error());
}

Result<bool> link_or_copy(Disk& own, const std::filesystem::path& from, uint64_t size, const Outside& outside,
                          const std::filesystem::path& to) {
  Disk& disk = outside.disk;
  const auto linked = outside.is_lent ? failure(Error::Kind::invalid, "it is reached by another's rights")
                                      : own.link(from, to);
  if (linked) return true;
  if (linked.error().kind == Error::Kind::conflict) return false;
  if (linked.error().kind != Error::Kind::invalid) return failure(linked.error());
  if (disk.stat(to)) return false;
  const auto file = own.open(from);
  if (!file) return failure(file.error());
  // Under another name until it is whole, because what has a digest's name is taken for it.
  std::filesystem::path part = to;
  part += ".incomplete";
  if (auto removed = disk.remove(part); !removed && removed.error().kind != Error::Kind::not_found)
    return failure(removed.error());
  const auto copy = disk.create(part);
  if (!copy) return failure(copy.error());
  Pace pace(own, **file, disk, **copy);
  const auto write = [&](uint64_t offset, std::span<const char> piece) -> Result<> {
    if (auto written = disk.write(**copy, offset, piece); !written) return written;
    return pace.keep(offset + piece.size());
  };
  if (auto copied = read_pieces(own, **file, size, outside, write); !copied) {
    (void)disk.remove(part);
    return failure(copied.error());
  }
  if (auto synced = disk.sync(**copy); !synced) return failure(synced.error());
  pace.drop_to(size);
  if (auto renamed = disk.rename(part, to); !renamed) return failure(renamed.error());
  return true;
}

}  // namespace breakwater::store
