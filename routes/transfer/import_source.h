// Where images are imported from: one repository in a folder that another registry, or another tool, has
// written. May block; one thread.
#pragma once

#include <filesystem>
#include <optional>
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
  // The media type of a child that is a manifest, if the source itself says so; whatever its parent says.
  virtual std::optional<std::string> part_type(const store::Digest& digest) const = 0;
};

// Whether a manifest's child is a manifest of the source.
bool is_manifest_of(const ImportSource& source, const store::ManifestContent::Child& child);
// What a child is called: by the source, else by its parent.
std::string type_of(const ImportSource& source, const store::ManifestContent::Child& child);

// Reads a manifest that `media_type` is said of, "" if nothing is. The type that its own bytes say counts
// where they contradict. `invalid` if the bytes are no manifest.
[[nodiscard]] Result<Manifest> read_as(std::string_view bytes, const std::string& media_type,
                                       const store::Digest& digest);
// Reads one of the source so, and its bytes into `bytes`. `corrupt` if the bytes have another digest.
[[nodiscard]] Result<Manifest> manifest_of(store::Disk& disk, const ImportSource& source,
                                           const store::Digest& digest, const std::string& media_type,
                                           std::string& bytes);

}  // namespace breakwater::routes
