// A Digest names content by its hash: `sha256:` and 64, or `sha512:` and 128, lower-case hex digits (OCI
// image specification, "Digests"). It is a value: compared, copied, hashed and printed. A Hasher computes one
// piece by piece.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::store {

enum class Algorithm : uint8_t { sha256, sha512 };

std::string_view name_of(Algorithm algorithm);  // "sha256"

class Digest {
 public:
  // The error is `invalid` and quotes the text. Upper-case hex and other algorithms are refused.
  [[nodiscard]] static Result<Digest> parse(std::string_view text);

  // `bytes` holds exactly the algorithm's 32 or 64 bytes.
  Digest(Algorithm algorithm, std::span<const uint8_t> bytes);

  Algorithm algorithm() const { return algorithm_; }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), size()}; }
  std::string hex() const;
  std::string text() const;  // "sha256:…"

  auto operator<=>(const Digest&) const = default;

 private:
  size_t size() const { return algorithm_ == Algorithm::sha256 ? 32 : 64; }

  Algorithm algorithm_;
  std::array<uint8_t, 64> bytes_{};  // zero behind size()
};

// For unordered containers: the first bytes of a hash are a hash.
struct DigestHash {
  size_t operator()(const Digest& digest) const noexcept;
};

class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::span<const char> data);
  Digest finish();  // once, last

 private:
  struct Free {
    void operator()(void* context) const;
  };
  Algorithm algorithm_;
  std::unique_ptr<void, Free> context_;  // an EVP_MD_CTX
};

Digest digest_of(Algorithm algorithm, std::span<const char> data);

}  // namespace breakwater::store
