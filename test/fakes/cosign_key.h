// A key pair as cosign makes it, and what cosign writes with it: payloads, bundles, and the manifests that
// carry them. What is signed need not be right.
//
//   const auto key = CosignKey::p256();
//   const auto text = signature_manifest({simple_signature(key, payload_of(digest))});
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routes/signatures/signature_key.h"
#include "store/base/digest.h"

struct evp_pkey_st;

namespace breakwater::test {

inline constexpr std::string_view kSimpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json";
inline constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr std::string_view kSignatureArtifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";
inline constexpr std::string_view kSignPredicate = "https://sigstore.dev/cosign/sign/v1";

class CosignKey {
 public:
  static CosignKey p256() { return ec("P-256"); }
  static CosignKey ec(const char* curve);
  static CosignKey rsa(unsigned bits = 2048);
  static CosignKey ed25519();

  std::string pem() const;          // the public one: cosign.pub
  std::string private_pem() const;  // without a password
  routes::SignatureKey key() const { return routes::SignatureKey::parse(pem()).value(); }
  std::string signature(std::string_view text) const;  // the bytes

 private:
  explicit CosignKey(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
};

std::string base64(std::string_view bytes);

// The payload that cosign signs for an image of that digest.
std::string payload_of(const store::Digest& digest,
                       std::string_view type = "cosign container image signature");
std::string statement_of(const store::Digest& digest, std::string_view predicate = kSignPredicate);

// A layer of a signature's manifest.
struct MadeSignature {
  std::string media_type;
  std::string document;        // the blob
  std::string signature = {};  // the annotation; "": none
};
MadeSignature simple_signature(const CosignKey& key, const std::string& payload);
MadeSignature envelope_bundle(const CosignKey& key, const std::string& statement,
                              const std::string& payload_type = "application/vnd.in-toto+json");
MadeSignature message_bundle(const CosignKey& key, const std::string& signed_bytes);

inline constexpr std::string_view kSignatureConfig = "{}";
struct MadeSubject {
  store::Digest digest;
  size_t bytes;
};
std::string signature_manifest(const std::vector<MadeSignature>& signatures,
                               std::string_view artifact_type = {},
                               const std::optional<MadeSubject>& subject = {});

}  // namespace breakwater::test
