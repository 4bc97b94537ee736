// Import of a blob from a file outside of the data folder, and export to one. The file gets a second name (a
// hard link) where the file systems allow that, and is copied otherwise. Each blob is hashed on the way. What
// is stopped in the middle leaves nothing of that blob. May block; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Blobs;

// The files beside the data folder.
struct Outside {
  Disk& disk;            // how they are reached
  bool is_lent = false;  // by the rights of somebody else: then no file gets a second name, all are copied
  std::atomic<uint64_t>* bytes = nullptr;  // counts those that were read, if anybody wants to know
  std::stop_token stop = {};               // `unavailable` once it is told
};

// Stores the content of `file` as a blob, linked to the repository and leased. `corrupt` if the content does
// not match `digest`. `full` if there is no room, for which nothing goes without Effort::make_room.
enum class Imported { held, linked, copied };  // held: it was here already
[[nodiscard]] Result<Imported> import_blob(const Parts& parts, Blobs& blobs, Capacity& capacity,
                                           const RepositoryKey& repository, const Digest& digest,
                                           const Outside& outside, const std::filesystem::path& file,
                                           Capacity::Effort effort = Capacity::Effort::make_room);

// Puts a blob's file at `to`, and replaces another file there, also a symbolic link. `corrupt` if the stored
// bytes do not match the digest any more.
[[nodiscard]] Result<> export_blob(const Parts& parts, Blobs& blobs, const Digest& digest,
                                   const Outside& outside, const std::filesystem::path& to);

// Gives the file `from` of the store, of `size` bytes, the name `to` as well, or copies it there. False if
// `to` is there already.
[[nodiscard]] Result<bool> link_or_copy(Disk& own, const std::filesystem::path& from, uint64_t size,
                                        const Outside& outside, const std::filesystem::path& to);

}  // namespace breakwater::store
