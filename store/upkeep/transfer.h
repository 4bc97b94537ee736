// Blobs from another folder, and to one: by a second name for the file where the file systems allow that,
// else by copying. Each is hashed on its way. May block; any thread.
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

// A blob that is the content of `file`, linked to the repository and leased. `corrupt` if the content is
// another.
enum class Imported { held, linked, copied };  // held: it was here already
[[nodiscard]] Result<Imported> import_blob(const Parts& parts, Blobs& blobs, Capacity& capacity,
                                           const RepositoryKey& repository, const Digest& digest,
                                           const std::filesystem::path& file);

// Puts a blob under the name `to`, instead of what is there. `corrupt` if the blob is not what it was.
[[nodiscard]] Result<> export_blob(const Parts& parts, Blobs& blobs, const Digest& digest,
                                   const std::filesystem::path& to);

// Gives the file `from`, of `size` bytes, the name `to` as well, or copies it there. False if `to` is there
// already.
[[nodiscard]] Result<bool> link_or_copy(Disk& disk, const std::filesystem::path& from, uint64_t size,
                                        const std::filesystem::path& to);

}  // namespace breakwater::store
