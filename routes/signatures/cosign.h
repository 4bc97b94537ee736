// Whether a document that claims to be a signature of a manifest is one, by one of the keys. Counted are
//
//   a payload   cosign's simple signing JSON, which names the manifest's digest; the signature is beside it.
//               The repository that it names ("docker-reference") is not compared: a signature is of a digest
//   a bundle    sigstore's v0.3 with a signature of the manifest's bytes, or with a DSSE envelope that has
//               cosign's in-toto statement of the digest. Another statement that is signed by the same key,
//               such as a scanner's report, approves of nothing, and does not count
//
// Only key pairs count: certificates, time stamps and transparency logs in a document are not looked at.
// Documents are hostile input, of at most kSignedDocumentBytesMax. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "routes/signatures/signature_key.h"
#include "routes/signatures/signature_layers.h"
#include "store/base/digest.h"

namespace breakwater::routes {

// Why a document does not count. Of several flaws the greatest tells most.
enum class SignatureFlaw : uint8_t { none, unreadable, other_key, other_statement, other_digest };
// "is by another key": what follows "its signature".
std::string_view words_of(SignatureFlaw flaw);

struct SignedManifest {
  store::Digest digest;
  std::string_view bytes;  // which have that digest
};

// `document` is the layer's blob.
SignatureFlaw flaw_of(const SignatureLayer& layer, std::string_view document, const SignedManifest& manifest,
                      std::span<const SignatureKey> keys);

}  // namespace breakwater::routes
