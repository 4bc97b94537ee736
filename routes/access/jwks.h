// The keys by which an issuer signs its tokens, as it publishes them: where they are, by OpenID Connect
// Discovery, and what they are, by RFC 7517 (JWKS). Only public keys that are worth something are taken: RSA
// of 2048 to 8192 bits for RS256, and P-256 for ES256. A key is of one algorithm, whatever a token says: that
// is how an RSA key never becomes the secret of an HMAC. All cryptography is OpenSSL's EVP.
//
// Pure; any thread, and several may check signatures with one set at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/base/result.h"

struct evp_pkey_st;

namespace breakwater::routes {

enum class SigningAlgorithm : uint8_t { rs256, es256 };
std::string_view name_of(SigningAlgorithm algorithm);                      // "RS256"
std::optional<SigningAlgorithm> signing_algorithm(std::string_view name);  // as a token's `alg` has it

class PublicKey {
 public:
  // Whether `signature`, as a JWS has it (of ES256: r and s, 32 bytes each), is this key's of `text`.
  bool has_signed(std::string_view text, std::string_view signature) const;
  bool operator==(const PublicKey& other) const;

 private:
  friend class KeySet;
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;
  PublicKey(SigningAlgorithm algorithm, Handle key) : algorithm_(algorithm), key_(std::move(key)) {}

  SigningAlgorithm algorithm_;
  Handle key_;
};

class KeySet {
 public:
  static constexpr size_t kKeysMax = 64;
  static constexpr size_t kJsonBytesMax = size_t{256} << 10;

  // `corrupt` if the text is no JWKS, lists more than kKeysMax keys, or two different ones of one id and
  // algorithm, so that nobody knows whose a signature is. A key that is of no use here is left out. Checking
  // the keys may take milliseconds.
  [[nodiscard]] static Result<KeySet> parse(std::string_view json);

  // The key of that id, or without an id the only one for that algorithm; null if there is none. The set owns
  // it.
  const PublicKey* find(const std::optional<std::string>& id, SigningAlgorithm algorithm) const;
  // Why the key of that id was left out, "it is for the curve 'P-384', and only P-256 is taken"; "" if it was
  // not, or is not listed.
  std::string_view why_left_out(const std::string& id) const;
  bool has_all_of(const KeySet& other) const;
  size_t size() const { return keys_.size(); }

 private:
  struct Name {
    SigningAlgorithm algorithm;
    std::string id;  // "" if the issuer gives none
    auto operator<=>(const Name&) const = default;
  };
  std::map<Name, PublicKey> keys_;
  std::map<std::string, std::string> left_out_;  // why, by id
};

inline constexpr size_t kDiscoveryBytesMax = size_t{32} << 10;

// `jwks_uri` of what <issuer>/.well-known/openid-configuration says. `corrupt` if the text is no such
// document, or that of another issuer (OpenID Connect Discovery 1.0, section 4.3).
[[nodiscard]] Result<std::string> jwks_uri_of(std::string_view discovery, std::string_view issuer);

}  // namespace breakwater::routes
