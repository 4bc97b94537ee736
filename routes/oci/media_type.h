// The media types of manifests and layers that Breakwater knows by name, and the Accept of every manifest
// request upstream. Pure values and functions; any thread.
#pragma once

#include <string_view>

namespace breakwater::routes {

inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
// From the 1.1 release candidates; still found in registries.
inline constexpr std::string_view kOciArtifact = "application/vnd.oci.artifact.manifest.v1+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view kDockerSchema1Signed =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";
inline constexpr std::string_view kOctetStream = "application/octet-stream";
inline constexpr std::string_view kJson = "application/json";

// Sent with every manifest request upstream, whatever the client accepts. A manifest that was fetched for one
// client is served to all, so a client's narrow Accept must not choose its form: registries answer 404 or
// convert when the stored type is not accepted.
inline constexpr std::string_view kAcceptManifests =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.artifact.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, "
    "application/vnd.docker.distribution.manifest.v1+json;q=0.5, */*;q=0.1";

// The type without its parameters: "text/html" of "text/html; charset=utf-8". The case is kept; compare with
// proxy::same_token.
std::string_view without_parameters(std::string_view content_type);

// Whether it can be served as a Content-Type: visible ASCII, and no longer than the 255 bytes that RFC 6838
// allows. A type out of a manifest's JSON, or of somebody's folder, may be anything.
bool is_media_type(std::string_view type);

bool is_image_type(std::string_view type);     // has a config and layers: OCI manifest, Docker schema 2
bool is_index_type(std::string_view type);     // has manifests: OCI index, Docker list
bool is_manifest_type(std::string_view type);  // also artifacts and Docker schema 1
// Layers that registries need not have: "non-distributable" (OCI) and "foreign" (Docker).
bool is_foreign_layer_type(std::string_view type);

}  // namespace breakwater::routes
