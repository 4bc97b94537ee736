#include "test/fakes/signing_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <utility>

#include "test/fakes/evp_signature.h"

namespace breakwater::test {
namespace {

std::string bytes_of(const BIGNUM* number, int size) {
  std::string bytes(static_cast<size_t>(size), '\0');
  need(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), size) == size);
  return bytes;
}

}  // namespace

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    unsigned bits = 0;
    for (size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    for (size_t i = 0; i <= three.size(); ++i) text += kDigits[bits >> (18 - 6 * i) & 63];
  }
  return text;
}

std::string jwks(std::initializer_list<std::string> keys) {
  std::string list;
  for (const auto& key : keys) list.append(list.empty() ? "" : ",").append(key);
  return R"({"keys":[)" + list + "]}";
}

std::string signed_text(std::string_view header, std::string_view payload) {
  return base64url(header) + "." + base64url(payload);
}

SigningKey::SigningKey(std::string id, bool is_rsa, std::string curve, evp_pkey_st* key)
    : id_(std::move(id)), is_rsa_(is_rsa), curve_(std::move(curve)), key_(key, EVP_PKEY_free) {
  need(key != nullptr);
}

SigningKey SigningKey::rsa(std::string id, unsigned bits) {
  return {std::move(id), true, "", EVP_RSA_gen(bits)};
}

SigningKey SigningKey::ec(std::string id, const char* curve) {
  return {std::move(id), false, curve, EVP_EC_gen(curve)};
}

std::string SigningKey::number(const char* member) const {
  const std::string_view name(member);
  const char* parameter = name == "n"   ? OSSL_PKEY_PARAM_RSA_N
                          : name == "e" ? OSSL_PKEY_PARAM_RSA_E
                          : name == "x" ? OSSL_PKEY_PARAM_EC_PUB_X
                                        : OSSL_PKEY_PARAM_EC_PUB_Y;
  BIGNUM* value = nullptr;
  need(EVP_PKEY_get_bn_param(key_.get(), parameter, &value) == 1);
  const int size = is_rsa_ ? BN_num_bytes(value) : (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
  std::string bytes = bytes_of(value, size);
  BN_free(value);
  return bytes;
}

std::string SigningKey::jwk(const std::string& more) const {
  const std::string kind =
      is_rsa_ ? R"({"kty":"RSA","n":")" + base64url(number("n")) + R"(","e":")" + base64url(number("e"))
              : R"({"kty":"EC","crv":")" + curve_ + R"(","x":")" + base64url(number("x")) + R"(","y":")" +
                    base64url(number("y"));
  return kind + R"(","kid":")" + id_ + "\"" + more + "}";
}

std::string SigningKey::header() const {
  return R"({"alg":")" + std::string(is_rsa_ ? "RS256" : "ES256") + R"(","kid":")" + id_ +
         R"(","typ":"JWT"})";
}

std::string SigningKey::token(std::string_view header, std::string_view payload) const {
  const std::string text = signed_text(header, payload);
  return text + "." + base64url(signature(text));
}

std::string SigningKey::der_signature(std::string_view text) const {
  return evp_signature(key_.get(), EVP_sha256(), text);
}

std::string SigningKey::signature(std::string_view text) const {
  const std::string der = der_signature(text);
  if (is_rsa_) return der;
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* numbers = d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()));
  need(numbers != nullptr);
  const int size = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
  std::string raw = bytes_of(ECDSA_SIG_get0_r(numbers), size) + bytes_of(ECDSA_SIG_get0_s(numbers), size);
  ECDSA_SIG_free(numbers);
  return raw;
}

}  // namespace breakwater::test
