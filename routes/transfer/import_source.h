// Where images are imported from: one repository in a folder that another registry, or another tool, has
// written. May block; one thread.
#pragma once

#include <filesystem>
#include <string>

#include "routes/oci/manifest.h"
#include "store/base/disk.h"

namespace breakwater::routes {

// One repository at the place that images are imported from.
class ImportSource {
 public:
  virtual ~ImportSource() = default;
  // Whether the repository has `digest`. The bytes may be damaged all the same.
  virtual bool has(const store::Digest& digest) = 0;
  virtual std::filesystem::path file_of(const store::Digest& digest) const = 0;  // where the bytes are
};

// Reads a manifest of the source, and its bytes into `bytes`. `corrupt` if the bytes have another digest;
// `invalid` if they are not a manifest whose children can be followed.
[[nodiscard]] Result<Manifest> manifest_of(store::Disk& disk, const ImportSource& source,
                                           const store::Digest& digest, std::string& bytes);

}  // namespace breakwater::routes
