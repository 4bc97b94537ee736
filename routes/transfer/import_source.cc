#include "routes/transfer/import_source.h"

#include <utility>

#include "routes/transfer/small_file.h"

namespace breakwater::routes {

using store::Digest;

bool is_manifest_of(const ImportSource& source, const store::ManifestContent::Child& child) {
  return child.edge.is_manifest || source.part_type(child.digest);
}

std::string type_of(const ImportSource& source, const store::ManifestContent::Child& child) {
  return source.part_type(child.digest).value_or(child.edge.media_type);
}

Result<Manifest> read_as(std::string_view bytes, const std::string& media_type, const Digest& digest) {
  auto manifest = read_manifest(bytes, media_type, digest);
  return manifest || media_type.empty() ? std::move(manifest) : read_manifest(bytes, "", digest);
}

Result<Manifest> manifest_of(store::Disk& disk, const ImportSource& source, const Digest& digest,
                             const std::string& media_type, std::string& bytes) {
  auto read = read_small_file(disk, source.file_of(digest), kManifestBytesMax);
  if (!read) return failure(read.error());
  bytes = *std::move(read);
  if (store::digest_of(digest.algorithm(), bytes) != digest)
    return failure(Error::Kind::corrupt, "its bytes are not of that digest");
  return read_as(bytes, media_type, digest);
}

}  // namespace breakwater::routes
