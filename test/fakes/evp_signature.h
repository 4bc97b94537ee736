// How the keys that tests make sign, by OpenSSL. An exception ends the test if OpenSSL fails.
#pragma once

#include <openssl/evp.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "routes/access/openssl.h"

namespace breakwater::test {

// Throws unless a key was made, or has done what it should.
inline void need(bool is_made) {
  if (!is_made) throw std::runtime_error("cannot make or use a key");
}

// The signature of `text` as OpenSSL makes it (ECDSA: DER). The hash is null for a key whose algorithm has
// its own, as Ed25519.
inline std::string evp_signature(EVP_PKEY* key, const EVP_MD* hash, std::string_view text) {
  const routes::Digesting context(EVP_MD_CTX_new());
  const auto* bytes = routes::bytes_of(text);
  size_t size = 0;
  need(EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key) == 1);
  need(EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1);
  std::string signature(size, '\0');
  need(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                      text.size()) == 1);
  signature.resize(size);
  return signature;
}

}  // namespace breakwater::test
