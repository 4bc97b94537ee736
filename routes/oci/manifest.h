// What a manifest's bytes say: its media type, what it needs, its subject, and the descriptor that the
// referrers API would list.
//
// Read are OCI images, indexes and artifacts and Docker schema 2 and lists. Docker schema 1 and types that we
// do not know are opaque: kept and served, and nothing that they name has to be there. The bytes are hostile
// input: size, depth and number of values are bounded (routes/oci/json_bounds.h). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/store.h"
#include "store/upkeep/inspection.h"

namespace breakwater::routes {

// As the distribution specification and containerd have it.
inline constexpr size_t kManifestBytesMax = 4 << 20;

struct Manifest {
  // record: media_type, size, subject and artifact_type are set; the times are the caller's. Children are
  // named once each. Welcome are layers that a registry need not have (non-distributable, foreign), and
  // whatever an opaque manifest seems to name.
  store::ManifestContent content;
  // False: not JSON, or more of it than is looked at, of a type of its own. Of clients it is taken; an
  // upstream that answers so is out of order.
  bool is_readable = true;
};

// `content_type` is the header that came with the bytes, "" if none did. The type is that, else the body's
// mediaType, else what the body looks like. A body of a known type that is no manifest, is of another shape
// than its type, or names a malformed digest is `invalid`; a caller that got it from upstream calls that
// corrupt.
[[nodiscard]] Result<Manifest> read_manifest(std::string_view bytes, std::string_view content_type,
                                             const store::Digest& digest);

// What a stored manifest needs: a store::ReadManifest.
[[nodiscard]] Result<std::vector<store::NeededChild>> needed_children(const store::NamedManifest& manifest,
                                                                      std::string_view bytes);

}  // namespace breakwater::routes
