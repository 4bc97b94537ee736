// What several files need to call OpenSSL: owners of its objects, and the check of a signature.
//
// OpenSSL keeps errors for the thread until somebody takes them, and whoever speaks TLS on that thread next
// would take ours for its own. So what may fail here stands behind an ErrorsForgotten:
//
//   const ErrorsForgotten forgotten;
//   const Digesting context(EVP_MD_CTX_new());  // may be null: there is no memory
//
// Any thread; an object is used by one at a time.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <string_view>

namespace breakwater::routes {

// Lets a unique_ptr free by a function: std::unique_ptr<BIGNUM, Freed<BN_free>>.
template <auto function>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Digesting = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

// Clears the thread's errors at its end, those from before it too.
class ErrorsForgotten {
 public:
  ErrorsForgotten() = default;
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
  ~ErrorsForgotten() { ERR_clear_error(); }
};

// The text's own bytes, as long as it lives.
inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Whether `signature`, as OpenSSL writes it (ECDSA: DER), is that key's of `text`. The hash is null for a
// key whose algorithm has its own, as Ed25519. False too if OpenSSL fails, whose errors stay.
inline bool is_signed_by(EVP_PKEY* key, const EVP_MD* hash, std::string_view text,
                         std::string_view signature) {
  const Digesting context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

}  // namespace breakwater::routes
