// What the manifest of a signature says: which of its layers hold signatures; and whether a manifest is but
// about an image (a signature, an attestation, an SBOM), and no image itself. The bytes are hostile input:
// their size, depth and number of values are bounded. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/digest.h"

namespace breakwater::routes {

inline constexpr size_t kSignatureManifestBytesMax = size_t{1} << 20;
// Of what is signed: a payload, or a whole bundle.
inline constexpr size_t kSignedDocumentBytesMax = size_t{64} << 10;
inline constexpr size_t kSignaturesMax = 50;  // that are looked at for one manifest and one place

struct SignatureLayer {
  enum class Kind : uint8_t {
    simple_signing,  // the blob is the payload, and the layer's annotation its signature (cosign)
    bundle           // the blob has both: a sigstore bundle v0.3
  };
  Kind kind;
  store::Digest digest;   // of the blob
  uint64_t size = 0;      // as the manifest says
  std::string signature;  // of a payload, in base64; "" if there is none
};

// The last `most` of them, in their order: cosign adds at the end. Nothing if the bytes are no manifest.
std::vector<SignatureLayer> signature_layers(std::string_view manifest, size_t most);

// Whether a referrer of this artifact type may be a manifest of signatures. "" may be any.
bool is_signature_artifact_type(std::string_view type);
// The referrers in an image index that may be; at most `most`.
std::vector<store::Digest> signature_referrers(std::string_view index, size_t most);

// Whether each layer of the manifest has a type that only signatures, attestations and SBOMs have, so that
// nobody can run it. Nothing in it may be read in two ways: an image could hide there.
bool is_about_an_image(std::string_view manifest);

}  // namespace breakwater::routes
