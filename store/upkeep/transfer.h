// Import of a blob from a file outside of the data folder, and export to one. The file gets a second name (a
// hard link) where the file systems allow that, and is copied otherwise. Each blob is hashed on the way. May
// block; any thread.
#pragma once

#include <cstdint>
#include <filesystem>

#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Blobs;
class Capacity;

// Stores the content of `file` as a blob, linked to the repository and leased. `corrupt` if the content does
// not match `digest`.
enum class Imported { held, linked, copied };  // held: it was here already
[[nodiscard]] Result<Imported> import_blob(const Parts& parts, Blobs& blobs, Capacity& capacity,
                                           const RepositoryKey& repository, const Digest& digest,
                                           const std::filesystem::path& file);

// Puts a blob's file at `to`, and replaces another file there, also a symbolic link. `corrupt` if the stored
// bytes do not match the digest any more.
[[nodiscard]] Result<> export_blob(const Parts& parts, Blobs& blobs, const Digest& digest,
                                   const std::filesystem::path& to);

// Gives the file `from`, of `size` bytes, the name `to` as well, or copies it there. False if `to` is there
// already.
[[nodiscard]] Result<bool> link_or_copy(Disk& disk, const std::filesystem::path& from, uint64_t size,
                                        const std::filesystem::path& to);

}  // namespace breakwater::store
