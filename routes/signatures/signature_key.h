// A public key that images are signed with, as `cosign generate-key-pair` writes it: PEM, ECDSA on P-256, RSA
// of 2048 to 8192 bits (PKCS #1 v1.5) or Ed25519, over SHA-256 where the algorithm hashes at all. All
// cryptography is OpenSSL's EVP.
//
// A value; any thread, and several may check signatures with one key at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/base/result.h"

struct evp_pkey_st;

namespace breakwater::routes {

class SignatureKey {
 public:
  // `invalid` if the text is not one public key in PEM of these kinds; the message says what it is instead.
  [[nodiscard]] static Result<SignatureKey> parse(std::string_view pem);

  // Whether `signature`, as OpenSSL and Go write it (ECDSA: DER), is this key's of `text`.
  bool has_signed(std::string_view text, std::string_view signature) const;
  bool operator==(const SignatureKey& other) const;

 private:
  explicit SignatureKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

// The key in a file; may block. The error is `invalid`, names the file and says what to do.
[[nodiscard]] Result<SignatureKey> read_signature_key(const std::string& file);

}  // namespace breakwater::routes
