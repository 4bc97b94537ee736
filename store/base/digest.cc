#include "store/base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <optional>

namespace breakwater::store {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

constexpr uint8_t kNoDigit = 0xff;

// The value of each character as a digit, or kNoDigit. A table, because each request has several digests.
constexpr std::array<uint8_t, 256> kDigitValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (uint8_t value = 0; value < kHexDigits.size(); ++value)
    values[static_cast<uint8_t>(kHexDigits[value])] = value;
  return values;
}();

uint8_t nibble(char digit) { return kDigitValues[static_cast<uint8_t>(digit)]; }

std::optional<Algorithm> algorithm_named(std::string_view name) {
  if (name == "sha256") return Algorithm::sha256;
  if (name == "sha512") return Algorithm::sha512;
  return std::nullopt;
}

size_t size_of(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? 32 : 64; }

bool parse_hex(std::string_view hex, std::span<uint8_t> into) {
  if (hex.size() != into.size() * 2) return false;
  for (size_t i = 0; i < into.size(); ++i) {
    const uint8_t high = nibble(hex[2 * i]);
    const uint8_t low = nibble(hex[2 * i + 1]);
    if (high == kNoDigit || low == kNoDigit) return false;
    into[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

Error no_digest(std::string_view text) {
  // The text comes from a client, and the message goes into logs.
  constexpr size_t kQuotedMax = 160;
  return Error{Error::Kind::invalid, "not a digest: \"" + std::string(text.substr(0, kQuotedMax)) + "\"", 0};
}

}  // namespace

std::string_view name_of(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? "sha256" : "sha512"; }

Result<Digest> Digest::parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return failure(no_digest(text));
  const auto algorithm = algorithm_named(text.substr(0, colon));
  if (!algorithm) return failure(no_digest(text));
  std::array<uint8_t, 64> bytes{};
  const std::span<uint8_t> used(bytes.data(), size_of(*algorithm));
  if (!parse_hex(text.substr(colon + 1), used)) return failure(no_digest(text));
  return Digest(*algorithm, used);
}

Digest::Digest(Algorithm algorithm, std::span<const uint8_t> bytes) : algorithm_(algorithm) {
  assert(bytes.size() == size());
  std::copy_n(bytes.begin(), size(), bytes_.begin());
}

std::string Digest::hex() const {
  std::string text(2 * size(), '0');
  char* at = text.data();
  for (const uint8_t byte : bytes()) {
    *at++ = kHexDigits[byte >> 4];
    *at++ = kHexDigits[byte & 15];
  }
  return text;
}

std::string Digest::text() const { return std::string(name_of(algorithm_)) + ":" + hex(); }

size_t DigestHash::operator()(const Digest& digest) const noexcept {
  size_t hash;
  static_assert(sizeof(hash) <= 32);
  std::memcpy(&hash, digest.bytes().data(), sizeof(hash));
  return hash;
}

void Hasher::Free::operator()(void* context) const { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  const EVP_MD* type = algorithm == Algorithm::sha256 ? EVP_sha256() : EVP_sha512();
  if (!context_ || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), type, nullptr) != 1)
    throw std::bad_alloc();
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::span<const char> data) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), data.data(), data.size());
}

Digest Hasher::finish() {
  std::array<uint8_t, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), &size);
  return Digest(algorithm_, {bytes.data(), size});
}

Digest digest_of(Algorithm algorithm, std::span<const char> data) {
  Hasher hasher(algorithm);
  hasher.update(data);
  return hasher.finish();
}

}  // namespace breakwater::store
