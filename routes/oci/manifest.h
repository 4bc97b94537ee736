// Reads from a manifest's bytes its media type, what it needs, its subject, and the descriptor that the
// referrers API lists.
//
// Understood are OCI images, indexes and artifacts, and Docker schema 2 images and lists. Docker schema 1 and
// unknown types are opaque: they are kept and served, and nothing that they name has to be stored. The bytes
// are hostile input: size, depth and number of values are bounded (routes/oci/json_bounds.h). Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/references/manifest_content.h"
#include "store/store.h"

namespace breakwater::routes {

// The limit of the distribution specification and of containerd.
inline constexpr size_t kManifestBytesMax = store::kManifestBytesMax;

struct Manifest {
  // In `record`, media_type, size, subject and artifact_type are set; the caller sets the times. Each child
  // is listed once. `foreign` lists the layers that a registry need not have (non-distributable, foreign),
  // and whatever an opaque manifest seems to name.
  store::ManifestContent content;
  // False if the media type is unknown to us and the body cannot be read: it is not a JSON object, or exceeds
  // the bounds. A client may push such a manifest.
  bool is_readable = true;
  // Whether the Content-Type or the body says which type it has.
  bool is_known = true;
};

// `content_type` is the Content-Type header, "" if there was none. It decides the media type; without a
// usable one, the body's mediaType does, else the fields that the body has. `invalid` if a body of a known
// type is no manifest, has the fields of another type, or names a malformed digest. For bytes from upstream
// the caller turns that into `corrupt`.
[[nodiscard]] Result<Manifest> read_manifest(std::string_view bytes, std::string_view content_type,
                                             const store::Digest& digest);

// The same of a manifest that a mirror passes on byte by byte, where nothing is an error: what cannot be
// understood is only not followed. A descriptor whose digest is none is left out, a size that is none counts
// as 0, which says nothing, and a body that has no shape that we know, or two, is opaque.
[[nodiscard]] Manifest read_carried_manifest(std::string_view bytes, std::string_view content_type,
                                             const store::Digest& digest);

// The same as read_manifest(), of a manifest that is called `media_type` by its record, its parent or a
// layout. A store::ReadManifest.
[[nodiscard]] Result<store::ManifestContent> read_content(const store::Digest& digest,
                                                          const std::string& media_type,
                                                          std::string_view bytes);

}  // namespace breakwater::routes
