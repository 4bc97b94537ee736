#include "routes/signatures/signature_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <fstream>
#include <utility>

#include "routes/access/openssl.h"

namespace breakwater::routes {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;  // more would cost too much to check
constexpr size_t kFileBytesMax = size_t{64} << 10;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kP256 = "prime256v1";

using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;

tl::unexpected<Error> bad(std::string why) { return failure(Error::Kind::invalid, std::move(why)); }

// What a text is that is not one public key, and what to do; "" if it may be one.
std::string_view wrong_text(std::string_view pem) {
  const size_t begin = pem.find(kBegin);
  if (begin == std::string_view::npos)
    return "holds no public key in PEM (\"-----BEGIN PUBLIC KEY-----\"): name the cosign.pub of the key pair";
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos)
    return "holds a private key: name the public one, cosign.pub, and keep the private one away from here";
  if (pem.find(kBegin, begin + 1) != std::string_view::npos)
    return "holds more than one key: give each a file of its own, and name them in key_files";
  if (pem.substr(begin).starts_with("-----BEGIN CERTIFICATE"))
    return "holds a certificate: signatures without a key pair (keyless) are not checked, name a public key";
  return "";
}

// Why this kind of key is not taken; "" if it is.
std::string refusal_of(const EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return "";
    case EVP_PKEY_RSA:
      if (bits >= kRsaBitsMin && bits <= kRsaBitsMax) return "";
      return "holds an RSA key of " + std::to_string(bits) + " bits: use one of " +
             std::to_string(kRsaBitsMin) + " to " + std::to_string(kRsaBitsMax);
    case EVP_PKEY_EC: {
      std::array<char, 64> group{};
      size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
          std::string_view(group.data(), size) == kP256)
        return "";
      return "holds an ECDSA key that is not on P-256: use the one of cosign generate-key-pair";
    }
    default: return "holds a key that is neither ECDSA on P-256, RSA nor Ed25519";
  }
}

}  // namespace

Result<SignatureKey> SignatureKey::parse(std::string_view pem) {
  const ErrorsForgotten forgotten;
  if (const auto wrong = wrong_text(pem); !wrong.empty()) return bad(std::string(wrong));
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(
      memory ? PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr) : nullptr, EVP_PKEY_free);
  if (!key)
    return bad("holds a public key that cannot be read: it is cut off, or of a kind that nobody knows");
  if (auto refusal = refusal_of(key.get()); !refusal.empty()) return bad(std::move(refusal));
  return SignatureKey(std::move(key));
}

bool SignatureKey::has_signed(std::string_view text, std::string_view signature) const {
  const ErrorsForgotten forgotten;
  const EVP_MD* hash = EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  return is_signed_by(key_.get(), hash, text, signature);
}

bool SignatureKey::operator==(const SignatureKey& other) const {
  const ErrorsForgotten forgotten;
  return EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

Result<SignatureKey> read_signature_key(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.empty())
    return bad(path + " cannot be read, or is empty: put the public key there, as cosign.pub has it");
  auto key = SignatureKey::parse(text);
  if (!key) return bad(path + " " + key.error().message);
  return key;
}

}  // namespace breakwater::routes
