#include "routes/transfer/import_source.h"

#include <utility>

#include "routes/oci/media_type.h"
#include "routes/transfer/small_file.h"

namespace breakwater::routes {

using store::Digest;

Result<Manifest> manifest_of(store::Disk& disk, const ImportSource& source, const Digest& digest,
                             std::string& bytes) {
  auto read = read_small_file(disk, source.file_of(digest), kManifestBytesMax);
  if (!read) return failure(read.error());
  bytes = *std::move(read);
  if (store::digest_of(digest.algorithm(), bytes) != digest)
    return failure(Error::Kind::corrupt, "its bytes are not of that digest");
  auto manifest = read_manifest(bytes, "", digest);
  if (!manifest) return manifest;
  const std::string& type = manifest->content.record.media_type;
  if (type == kDockerSchema1 || type == kDockerSchema1Signed) {
    return failure(Error::Kind::invalid, "it is of Docker's schema 1, and its layers cannot be followed");
  }
  return manifest;
}

}  // namespace breakwater::routes
