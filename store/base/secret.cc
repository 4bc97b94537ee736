#include "store/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace breakwater::store {

Secret::Secret(std::string_view text) : bytes_(new char[text.size() + 1]), size_(text.size()) {
  std::copy(text.begin(), text.end(), bytes_.get());
  bytes_[size_] = '\0';
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  cleanse();
  bytes_ = std::move(other.bytes_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { cleanse(); }

void Secret::cleanse() {
  if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void cleanse(std::span<char> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

void cleanse(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

void fill_random(std::span<char> bytes) {
  const auto size = static_cast<int>(bytes.size());
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), size) != 1) std::abort();
}

}  // namespace breakwater::store
