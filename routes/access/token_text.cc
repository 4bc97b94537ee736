#include "routes/access/token_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace breakwater::routes {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kRandomDigits = 43;  // 62^43 > 2^256
constexpr size_t kSumDigits = 6;      // 62^6 > 2^32
constexpr size_t kTextBytes = kTokenPrefix.size() + kRandomDigits + kSumDigits;

// CRC-32 as in IEEE 802.3.
uint32_t checksum(std::string_view text) {
  uint32_t sum = ~0U;
  for (const char c : text) {
    sum ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (0xedb88320U & (0U - (sum & 1U)));
  }
  return ~sum;
}

void write_sum(std::span<char> into, std::string_view of) {
  uint32_t sum = checksum(of);
  for (size_t i = into.size(); i > 0; --i, sum /= 62) into[i - 1] = kDigits[sum % 62];
}

// Each of the 62 is as likely as any other: bytes beyond the last multiple of 62 are thrown away.
void write_random_digits(std::span<char> into) {
  std::array<char, 64> bytes{};
  size_t written = 0;
  while (written < into.size()) {
    store::fill_random(bytes);
    for (const char c : bytes) {
      const auto byte = static_cast<uint8_t>(c);
      if (byte < 4 * 62 && written < into.size()) into[written++] = kDigits[byte % 62];
    }
  }
  store::cleanse(bytes);
}

}  // namespace

store::Secret new_token() {
  std::array<char, kTextBytes> text{};
  const std::span<char> all(text);
  std::copy(kTokenPrefix.begin(), kTokenPrefix.end(), text.begin());
  const auto random = all.subspan(kTokenPrefix.size(), kRandomDigits);
  write_random_digits(random);
  write_sum(all.last(kSumDigits), {random.data(), random.size()});
  store::Secret token(std::string_view(text.data(), text.size()));
  store::cleanse(all);
  return token;
}

bool is_token(std::string_view text) {
  if (text.size() != kTextBytes || !text.starts_with(kTokenPrefix)) return false;
  const auto random = text.substr(kTokenPrefix.size(), kRandomDigits);
  if (random.find_first_not_of(kDigits) != std::string_view::npos) return false;
  std::array<char, kSumDigits> sum{};
  write_sum(sum, random);
  return text.ends_with(std::string_view(sum.data(), sum.size()));
}

store::Digest digest_of_token(std::string_view text) {
  return store::digest_of(store::Algorithm::sha256, text);
}

}  // namespace breakwater::routes
