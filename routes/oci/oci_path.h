// A pure parser for request targets: what a target means in the OCI distribution API, whatever the method.
//
//   auto path = parse_oci_path("/v2/library/alpine/manifests/3.20?ns=docker.io");
//   // kind manifest, name "library/alpine", tag "3.20", query.ns "docker.io"
//
// Paths are read from the right, because a repository's name may contain the words manifests, blobs, tags,
// referrers and uploads. %-escapes are decoded first (`sha256%3Aabc…`). Empty and dotted components and
// control characters are refused, never cleaned up. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "store/base/digest.h"

namespace breakwater::routes {

inline constexpr size_t kNameBytesMax = 255;
inline constexpr size_t kTagBytesMax = 128;
inline constexpr size_t kTagParametersMax = 64;  // tag= parameters in one request

// The query parameters that the API knows, decoded. Of a parameter that occurs twice the first counts, except
// of tag.
struct OciQuery {
  std::string ns;
  std::optional<uint64_t> n;
  std::string last;
  std::optional<store::Digest> digest;  // of the upload that this request completes
  std::optional<store::Digest> mount;
  std::string from;
  std::vector<std::string> tags;  // every tag=
  std::string artifact_type;
  std::string digest_algorithm;
  // The query as it was sent, but without `ns`. A mirror forwards it with a list request, because upstream's
  // paging may have its own parameters.
  std::string forwarded;
};

struct OciPath {
  enum class Kind {
    base,          // /v2/ and /v2
    manifest,      // /v2/<name>/manifests/<reference>
    blob,          // /v2/<name>/blobs/<digest>
    tags,          // /v2/<name>/tags/list
    referrers,     // /v2/<name>/referrers/<digest>
    upload_start,  // /v2/<name>/blobs/uploads/
    upload,        // /v2/<name>/blobs/uploads/<id>
    catalog,       // /v2/_catalog
    unknown        // anything else, including paths outside of /v2/
  };
  Kind kind = Kind::unknown;
  std::string name;  // the repository
  std::string tag;   // manifest: either this or `digest` is set; a tag may be 64 hex digits
  std::optional<store::Digest> digest;  // set for blob and referrers; for manifest, this or `tag`
  std::string upload_id;
  OciQuery query;

  std::string reference() const { return digest ? digest->text() : tag; }
};

std::string_view name_of(OciPath::Kind kind);  // "manifest": for logs

// What is wrong with a target; oci_error.h turns it into a reply.
struct OciPathError {
  enum class Kind {
    name_invalid,    // the repository's name is not an OCI name
    digest_invalid,  // a digest is malformed, or its algorithm is not supported
    tag_invalid,     // a tag is malformed
    page_invalid,    // n= is not a number
    target_invalid   // broken escapes, empty or dotted components, control characters
  };
  Kind kind;
  std::string message;
};

[[nodiscard]] tl::expected<OciPath, OciPathError> parse_oci_path(std::string_view target);

// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes, at most 255 bytes.
bool is_oci_name(std::string_view name);
// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
bool is_oci_tag(std::string_view tag);

}  // namespace breakwater::routes
