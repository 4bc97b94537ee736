#include "routes/access/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "routes/access/jose.h"
#include "routes/access/openssl.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;  // more would cost too much to check
constexpr size_t kRsaExponentBytesMax = 8;
constexpr size_t kP256Bytes = 32;
constexpr size_t kQuotedBytesMax = 200;
constexpr size_t kValuesMax = 4096;  // of a JWKS, and of what discovery says

using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;

Number number_of(std::string_view big_endian) {
  return Number(BN_bin2bn(bytes_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

// The signature of ES256 as OpenSSL reads it: the two numbers in DER. Nothing if there are not two.
std::optional<std::string> der_of(std::string_view r_and_s) {
  if (r_and_s.size() != 2 * kP256Bytes) return std::nullopt;
  Number r = number_of(r_and_s.substr(0, kP256Bytes)), s = number_of(r_and_s.substr(kP256Bytes));
  const Signature signature(ECDSA_SIG_new());
  if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return std::nullopt;
  static_cast<void>(r.release()), static_cast<void>(s.release());  // the signature's now
  unsigned char* made = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &made);
  if (size <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(made), static_cast<size_t>(size));
  OPENSSL_free(made);
  return der;
}

// A key is taken, or left out for a reason.
using Made = tl::expected<EVP_PKEY*, std::string>;

Made left_out(std::string why) { return tl::unexpected<std::string>(std::move(why)); }

Made key_of(const char* type, OSSL_PARAM_BLD* parameters) {
  const Parameters built(OSSL_PARAM_BLD_to_param(parameters));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!built || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, built.get()) != 1)
    return left_out("it is no key of its kind");
  const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (check && EVP_PKEY_public_check(check.get()) == 1) return key;
  EVP_PKEY_free(key);
  return left_out("it is no sound key of its kind");
}

std::string text_in(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Made rsa_key(const json& jwk) {
  const auto modulus = base64url_decoded(text_in(jwk, "n")), exponent = base64url_decoded(text_in(jwk, "e"));
  if (!modulus || !exponent || modulus->empty() || exponent->empty())
    return left_out("it has no modulus or no exponent");
  if (modulus->size() > kRsaBitsMax / 8 || exponent->size() > kRsaExponentBytesMax)
    return left_out("it is an RSA key of more than " + std::to_string(kRsaBitsMax) + " bits");
  const Number n = number_of(*modulus), e = number_of(*exponent);
  if (const int bits = BN_num_bits(n.get()); bits < kRsaBitsMin)
    return left_out("it is an RSA key of " + std::to_string(bits) + " bits, and at least " +
                    std::to_string(kRsaBitsMin) + " are needed");
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) return left_out("its exponent signs nothing");
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return key_of("RSA", builder.get());
}

Made p256_key(const json& jwk) {
  if (const auto curve = text_in(jwk, "crv"); curve != "P-256")
    return left_out("it is for the curve '" + store::printable(curve.substr(0, kQuotedBytesMax)) +
                    "', and only P-256 is taken");
  const auto x = base64url_decoded(text_in(jwk, "x")), y = base64url_decoded(text_in(jwk, "y"));
  if (!x || !y || x->size() != kP256Bytes || y->size() != kP256Bytes)
    return left_out("it has no point of 32 and 32 bytes");
  const std::string point = '\4' + *x + *y;  // uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return key_of("EC", builder.get());
}

// What its issuer says that a key is for, beside its kind. "" if it is for our use.
std::string wrong_use(const json& jwk, SigningAlgorithm algorithm) {
  if (const auto use = jwk.find("use"); use != jwk.end() && *use != "sig") return "it is not for signatures";
  if (const auto alg = jwk.find("alg"); alg != jwk.end() && *alg != name_of(algorithm))
    return "it is for another algorithm than " + std::string(name_of(algorithm));
  const auto operations = jwk.find("key_ops");
  if (operations == jwk.end()) return "";
  const bool may_verify =
      operations->is_array() && std::any_of(operations->begin(), operations->end(),
                                            [](const json& operation) { return operation == "verify"; });
  return may_verify ? "" : "it is not for the check of signatures";
}

std::optional<SigningAlgorithm> algorithm_of(const json& jwk) {
  const auto kind = text_in(jwk, "kty");
  if (kind == "RSA") return SigningAlgorithm::rs256;
  if (kind == "EC") return SigningAlgorithm::es256;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(SigningAlgorithm algorithm) {
  switch (algorithm) {
    case SigningAlgorithm::rs256: return "RS256";
    case SigningAlgorithm::es256: return "ES256";
  }
  return "";
}

std::optional<SigningAlgorithm> signing_algorithm(std::string_view name) {
  for (const auto algorithm : {SigningAlgorithm::rs256, SigningAlgorithm::es256})
    if (name == name_of(algorithm)) return algorithm;
  return std::nullopt;
}

void PublicKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

bool PublicKey::operator==(const PublicKey& other) const {
  const ErrorsForgotten forgotten;
  return EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

bool PublicKey::has_signed(std::string_view text, std::string_view signature) const {
  const ErrorsForgotten forgotten;
  std::optional<std::string> der;
  if (algorithm_ == SigningAlgorithm::es256) {
    der = der_of(signature);
    if (!der) return false;
    signature = *der;
  }
  return is_signed_by(key_.get(), EVP_sha256(), text, signature);
}

Result<KeySet> KeySet::parse(std::string_view text) {
  const ErrorsForgotten forgotten;
  const auto refused = [](const std::string& why) {
    return failure(Error::Kind::corrupt, "the JWKS " + why);
  };
  if (text.size() > kJsonBytesMax)
    return refused("has more than " + std::to_string(kJsonBytesMax) + " bytes");
  const auto document = unambiguous_object(text, kValuesMax);
  const json keys = document ? document->value("keys", json()) : json();
  if (!keys.is_array()) return refused("is no JSON object with a list of keys");
  if (keys.size() > kKeysMax) return refused("lists more than " + std::to_string(kKeysMax) + " keys");
  KeySet set;
  for (const json& jwk : keys) {
    const auto algorithm = jwk.is_object() ? algorithm_of(jwk) : std::nullopt;
    if (!algorithm) continue;  // of a kind that we do not take, as RFC 7517, section 5 has it
    const std::string id = text_in(jwk, "kid");
    auto why = wrong_use(jwk, *algorithm);
    if (why.empty()) {
      const auto made = *algorithm == SigningAlgorithm::rs256 ? rsa_key(jwk) : p256_key(jwk);
      if (made) {
        PublicKey key(*algorithm, PublicKey::Handle(*made));
        const auto [place, is_new] = set.keys_.try_emplace(Name{*algorithm, id}, std::move(key));
        if (!is_new && !(place->second == key))
          return refused("lists two different keys of the id '" +
                         store::printable(id.substr(0, kQuotedBytesMax)) + "'");
        continue;
      }
      why = made.error();
    }
    set.left_out_.emplace(id, std::move(why));
  }
  return set;
}

const PublicKey* KeySet::find(const std::optional<std::string>& id, SigningAlgorithm algorithm) const {
  if (id) {
    const auto found = keys_.find(Name{algorithm, *id});
    return found == keys_.end() ? nullptr : &found->second;
  }
  const auto is_for_it = [algorithm](const auto& key) { return key.first.algorithm == algorithm; };
  if (std::count_if(keys_.begin(), keys_.end(), is_for_it) != 1) return nullptr;
  return &std::find_if(keys_.begin(), keys_.end(), is_for_it)->second;
}

std::string_view KeySet::why_left_out(const std::string& id) const {
  const auto found = left_out_.find(id);
  return found == left_out_.end() ? std::string_view() : found->second;
}

bool KeySet::has_all_of(const KeySet& other) const {
  return std::all_of(other.keys_.begin(), other.keys_.end(), [this](const auto& key) {
    const auto found = keys_.find(key.first);
    return found != keys_.end() && found->second == key.second;
  });
}

Result<std::string> jwks_uri_of(std::string_view discovery, std::string_view issuer) {
  const auto document = unambiguous_object(discovery, kValuesMax);
  if (!document)
    return failure(Error::Kind::corrupt, "the openid-configuration is no unambiguous JSON object");
  const std::string said = text_in(*document, "issuer");
  if (said != issuer)
    return failure(Error::Kind::corrupt, "the openid-configuration is of the issuer '" +
                                             store::printable(said.substr(0, kQuotedBytesMax)) + "'");
  std::string uri = text_in(*document, "jwks_uri");
  if (uri.empty()) return failure(Error::Kind::corrupt, "the openid-configuration has no jwks_uri");
  return uri;
}

}  // namespace breakwater::routes
