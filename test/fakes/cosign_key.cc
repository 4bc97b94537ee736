#include "test/fakes/cosign_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "routes/oci/media_type.h"
#include "test/fakes/evp_signature.h"

namespace breakwater::test {
namespace {

std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(memory);
  return text;
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string descriptor(std::string_view type, const store::Digest& digest, size_t bytes,
                       const std::string& more = "") {
  return R"({"mediaType":)" + quoted(type) + R"(,"size":)" + std::to_string(bytes) + R"(,"digest":)" +
         quoted(digest.text()) + more + "}";
}

store::Digest sha256(std::string_view text) { return store::digest_of(store::Algorithm::sha256, text); }

std::string bundle(const std::string& content) {
  return R"({"mediaType":)" + quoted(kBundleType) +
         R"(,"verificationMaterial":{"publicKey":{"hint":"h"},"tlogEntries":[]},)" + content + "}";
}

}  // namespace

CosignKey::CosignKey(evp_pkey_st* key) : key_(key, EVP_PKEY_free) { need(key != nullptr); }
CosignKey CosignKey::ec(const char* curve) { return CosignKey(EVP_EC_gen(curve)); }
CosignKey CosignKey::rsa(unsigned bits) { return CosignKey(EVP_RSA_gen(bits)); }
CosignKey CosignKey::ed25519() { return CosignKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

std::string CosignKey::pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  need(PEM_write_bio_PUBKEY(memory, key_.get()) == 1);
  return text_of(memory);
}

std::string CosignKey::private_pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  need(PEM_write_bio_PrivateKey(memory, key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(memory);
}

std::string CosignKey::signature(std::string_view text) const {
  const EVP_MD* hash = EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  return evp_signature(key_.get(), hash, text);
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string payload_of(const store::Digest& digest, std::string_view type) {
  return R"({"critical":{"identity":{"docker-reference":"elsewhere/app"},)"
         R"("image":{"docker-manifest-digest":)" +
         quoted(digest.text()) + R"(},"type":)" + quoted(type) + R"(},"optional":null})";
}

std::string statement_of(const store::Digest& digest, std::string_view predicate) {
  return R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"","digest":{)" +
         quoted(store::name_of(digest.algorithm())) + ":" + quoted(digest.hex()) + R"(}}],"predicateType":)" +
         quoted(predicate) + R"(,"predicate":{}})";
}

MadeSignature simple_signature(const CosignKey& key, const std::string& payload) {
  return {std::string(kSimpleSigningType), payload, base64(key.signature(payload))};
}

MadeSignature envelope_bundle(const CosignKey& key, const std::string& statement,
                              const std::string& payload_type) {
  const std::string text = "DSSEv1 " + std::to_string(payload_type.size()) + " " + payload_type + " " +
                           std::to_string(statement.size()) + " " + statement;
  return {std::string(kBundleType),
          bundle(R"("dsseEnvelope":{"payload":)" + quoted(base64(statement)) + R"(,"payloadType":)" +
                 quoted(payload_type) + R"(,"signatures":[{"sig":)" + quoted(base64(key.signature(text))) +
                 R"(,"keyid":""}]})")};
}

MadeSignature message_bundle(const CosignKey& key, const std::string& signed_bytes) {
  const auto digest = sha256(signed_bytes);
  const std::string bytes(digest.bytes().begin(), digest.bytes().end());
  return {std::string(kBundleType),
          bundle(R"("messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":)" +
                 quoted(base64(bytes)) + R"(},"signature":)" + quoted(base64(key.signature(signed_bytes))) +
                 "}")};
}

std::string signature_manifest(const std::vector<MadeSignature>& signatures, std::string_view artifact_type,
                               const std::optional<MadeSubject>& subject) {
  std::string text = R"({"schemaVersion":2,"mediaType":)" + quoted(routes::kOciManifest);
  if (!artifact_type.empty()) text += R"(,"artifactType":)" + quoted(artifact_type);
  text += R"(,"config":)" + descriptor("application/vnd.oci.image.config.v1+json", sha256(kSignatureConfig),
                                       kSignatureConfig.size());
  text += R"(,"layers":[)";
  for (const auto& one : signatures) {
    if (text.back() != '[') text += ',';
    const std::string note =
        one.signature.empty()
            ? ""
            : R"(,"annotations":{"dev.cosignproject.cosign/signature":)" + quoted(one.signature) + "}";
    text += descriptor(one.media_type, sha256(one.document), one.document.size(), note);
  }
  text += "]";
  if (subject) text += R"(,"subject":)" + descriptor(routes::kOciManifest, subject->digest, subject->bytes);
  return text + "}";
}

}  // namespace breakwater::test
