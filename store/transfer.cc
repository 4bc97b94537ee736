// The part of Store through which blobs come from another folder and go to one: by a second name for their
// file where the file system allows that, else by copying.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kPieceBytes = size_t{256} * 1024;

std::string import_id(const Digest& digest) {
  return "import-" + std::string(name_of(digest.algorithm())) + "-" + digest.hex();
}

// What the disk does not give of somebody else's folder is that folder's damage, and no end of ours.
tl::unexpected<Error> not_given(const Error& error) {
  const bool is_gone = error.kind == Error::Kind::not_found;
  return failure(is_gone ? error.kind : Error::Kind::unavailable, error.message);
}

// Calls `each` for the pieces of a file, up to `size` bytes of it. `unavailable` if it cannot be read.
template <class Each>
Result<> read_pieces(Disk& disk, const File& file, uint64_t size, Each each) {
  std::vector<char> buffer(kPieceBytes);
  for (uint64_t offset = 0; offset < size;) {
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
Result<Digest> hash_file(Disk& disk, const File& file, const Blob& blob) {
  Hasher hasher(blob.digest.algorithm());
  const auto hash = [&](uint64_t, std::span<const char> piece) -> Result<> {
    hasher.update(piece);
    return {};
  };
  if (auto read = read_pieces(disk, file, blob.size, hash); !read) return failure(read.error());
  return hasher.finish();
}

// Whether `path` is the blob, whose own file is `own`.
Result<bool> holds(Disk& disk, const std::filesystem::path& path, const std::filesystem::path& own,
                   const Blob& blob) {
  const auto found = disk.stat_target(path);
  if (!found && found.error().kind != Error::Kind::not_found) return failure(found.error());
  if (!found || found->size != blob.size) return false;
  if (const auto ours = disk.stat(own); ours && ours->id == found->id) return true;
  const auto file = disk.open(path);
  return file && hash_file(disk, **file, blob) == blob.digest;
}

}  // namespace

Result<Store::Taken> Store::take_blob(const RepositoryKey& repository, const Digest& digest,
                                      const std::filesystem::path& file) {
  const auto held = has_taken(repository, digest);
  if (!held) return failure(held.error());
  if (*held) return Taken::held;
  const auto found = disk_.stat_target(file);
  if (!found) return not_given(found.error());
  auto reservation = reserve(repository.route, found->size);
  if (!reservation) return failure(reservation.error());
  auto writer = take_by_link(digest, file);
  const bool is_linked = writer.has_value();
  if (!writer && writer.error().kind == Error::Kind::invalid)
    writer = take_by_copy(digest, file, found->size);
  if (!writer) return failure(writer.error());
  const auto commit = [&]() -> Result<> {
    if (auto verified = (*writer)->verify(digest); !verified) return verified;
    const auto blob = commit_blob(**writer, *std::move(reservation), repository, Durability::buffered);
    if (!blob) return failure(blob.error());
    return {};
  };
  if (auto committed = commit(); !committed) {
    (*writer)->discard();
    return failure(committed.error());
  }
  // What was moved onto another name of the same file has not moved (rename(2)).
  if (is_linked) (void)blobs_.remove_partial(import_id(digest));
  return is_linked ? Taken::linked : Taken::copied;
}

// Whether the repository has it, or now has it because another one of the route does.
Result<bool> Store::has_taken(const RepositoryKey& repository, const Digest& digest) {
  const auto blob = hold_blob(repository, digest, Reach::disk);
  if (blob) return true;
  if (blob.error().kind != Error::Kind::not_found) return failure(blob.error());
  return mount_blob(repository, "", digest);
}

// `invalid` if the file cannot have a name here, or not one through which it can be made durable.
Result<std::unique_ptr<BlobWriter>> Store::take_by_link(const Digest& digest,
                                                        const std::filesystem::path& file) {
  const std::string id = import_id(digest);
  if (auto linked = disk_.link(file, blobs_.path_of_partial(id)); !linked) return failure(linked.error());
  // What is there is hashed, as of a partial that is resumed.
  auto writer = blobs_.receive(id, digest.algorithm());
  if (writer) return writer;
  (void)blobs_.remove_partial(id);
  return failure(Error::Kind::invalid, writer.error().message);
}

Result<std::unique_ptr<BlobWriter>> Store::take_by_copy(const Digest& digest,
                                                        const std::filesystem::path& file, uint64_t size) {
  const auto from = disk_.open(file);
  if (!from) return not_given(from.error());
  auto writer = blobs_.receive(import_id(digest), digest.algorithm());
  if (!writer) return writer;
  const auto append = [&](uint64_t, std::span<const char> piece) { return (*writer)->append(piece); };
  if (auto copied = read_pieces(disk_, **from, size, append); !copied) {
    (*writer)->discard();
    return failure(copied.error());
  }
  return writer;
}

Result<> Store::give_blob(const Digest& digest, const std::filesystem::path& to) {
  const auto blob = open_blob(digest);
  if (!blob) return failure(blob.error());
  const auto found = hash_file(disk_, *blob->file, *blob);
  if (!found) return failure(found.error());
  if (*found != digest)
    return failure(Error::Kind::corrupt,
                   "the stored blob " + digest.text() + " does not match its digest any more");
  const auto from = blobs_.path_of(digest);
  const auto given = give_file(from, blob->size, to);
  if (!given) return failure(given.error());
  if (*given) return {};
  const auto same = holds(disk_, to, from, *blob);
  if (!same) return failure(same.error());
  if (*same) return {};
  // Beside it, so that what is there is replaced at once or not at all.
  std::filesystem::path beside = to;
  beside += ".new";
  if (auto removed = disk_.remove(beside); !removed && removed.error().kind != Error::Kind::not_found)
    return removed;
  if (auto again = give_file(from, blob->size, beside); !again) return failure(again.error());
  return disk_.rename(beside, to);
}

// False if `to` is there already.
Result<bool> Store::give_file(const std::filesystem::path& from, uint64_t size,
                              const std::filesystem::path& to) {
  const auto linked = disk_.link(from, to);
  if (linked) return true;
  if (linked.error().kind == Error::Kind::conflict) return false;
  if (linked.error().kind != Error::Kind::invalid) return failure(linked.error());
  if (disk_.stat(to)) return false;
  const auto file = disk_.open(from);
  if (!file) return failure(file.error());
  // Under another name until it is whole, because what has a digest's name is taken for it.
  std::filesystem::path part = to;
  part += ".incomplete";
  const auto copy = disk_.open_for_writing(part);
  if (!copy) return failure(copy.error());
  const auto write = [&](uint64_t offset, std::span<const char> piece) {
    return disk_.write(**copy, offset, piece);
  };
  if (auto cut = disk_.truncate(**copy, 0); !cut) return failure(cut.error());
  if (auto copied = read_pieces(disk_, **file, size, write); !copied) return failure(copied.error());
  if (auto synced = disk_.sync(**copy); !synced) return failure(synced.error());
  if (auto renamed = disk_.rename(part, to); !renamed) return failure(renamed.error());
  return true;
}

}  // namespace breakwater::store
