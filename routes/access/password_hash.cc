#include "routes/access/password_hash.h"

#include <crypt.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace breakwater::routes {
namespace {

// Of crypt(3), in the order of their values.
constexpr std::string_view kSixBits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kBcryptDigits = 53;  // of salt and hash
constexpr unsigned kBcryptCostMin = 4;
constexpr unsigned kShaRoundsDefault = 5000;
constexpr unsigned kShaRoundsMin = 1000;
constexpr size_t kShaSaltMax = 16;
constexpr size_t kYescryptSaltMax = 86;
constexpr size_t kYescryptDigits = 43;

tl::unexpected<Error> refused(const std::string& what) { return failure(Error::Kind::invalid, what); }
tl::unexpected<Error> malformed(const char* kind) {
  return refused(std::string("has a ") + kind + " hash that is not whole: make it again with htpasswd -B");
}

bool are_six_bits(std::string_view text) {
  return text.find_first_not_of(kSixBits) == std::string_view::npos;
}

// The digits in front of `text`, which are taken off; nothing is 0.
unsigned take_number(std::string_view& text) {
  unsigned number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return 0;
  text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
  return number;
}

// "10$" and 53 digits.
Result<> check_bcrypt(std::string_view rest) {
  const bool has_cost = rest.size() == 3 + kBcryptDigits && rest[2] == '$';
  const unsigned cost = take_number(rest);
  if (!has_cost || rest.size() != 1 + kBcryptDigits || !are_six_bits(rest.substr(1)) || cost < kBcryptCostMin)
    return malformed("bcrypt");
  if (cost <= kBcryptCostMax) return {};
  return refused("has a bcrypt hash of cost " + std::to_string(cost) +
                 ", and each login would take long: "
                 "make it again with htpasswd -B -C 12, " +
                 std::to_string(kBcryptCostMax) + " at most");
}

// "rounds=5000$", which may be absent, salt, "$" and `digits` digits.
Result<> check_sha(const char* kind, std::string_view rest, size_t digits) {
  unsigned rounds = kShaRoundsDefault;
  constexpr std::string_view kRounds = "rounds=";
  if (rest.starts_with(kRounds)) {
    rest.remove_prefix(kRounds.size());
    rounds = take_number(rest);
    if (!rest.starts_with('$') || rounds < kShaRoundsMin) return malformed(kind);
    rest.remove_prefix(1);
  }
  const size_t salt = std::min(rest.find('$'), rest.size());
  if (salt > kShaSaltMax || rest.size() != salt + 1 + digits || !are_six_bits(rest.substr(0, salt)) ||
      !are_six_bits(rest.substr(salt + 1)))
    return malformed(kind);
  if (rounds <= kShaRoundsMax) return {};
  return refused("has a hash of " + std::to_string(rounds) +
                 " rounds, and each login would take long: "
                 "make it again with at most " +
                 std::to_string(kShaRoundsMax));
}

// "j9T$", salt, "$" and 43 digits: j is the flavour that crypt(3) writes, 9 the logarithm of the number of
// blocks, T their size in 128 bytes.
Result<> check_yescrypt(std::string_view rest) {
  const size_t salt = rest.find('$', 4);
  const bool is_whole = rest.size() > 4 && rest[0] == 'j' && rest[3] == '$' &&
                        salt != std::string_view::npos && salt - 4 <= kYescryptSaltMax &&
                        rest.size() == salt + 1 + kYescryptDigits;
  if (!is_whole || !are_six_bits(rest.substr(1, 2)) || !are_six_bits(rest.substr(4, salt - 4)) ||
      !are_six_bits(rest.substr(salt + 1)))
    return malformed("yescrypt");
  const size_t blocks_log2 = kSixBits.find(rest[1]) + 1;
  const uint64_t block_bytes = 128 * (kSixBits.find(rest[2]) + 1);
  if (blocks_log2 < 32 && block_bytes << blocks_log2 <= kYescryptBytesMax) return {};
  return refused("has a yescrypt hash that takes more than 64 MiB of memory: make it again with htpasswd -B");
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Of what is refused, so that who sees it knows which of his hashes it is.
const char* name_of_refused(std::string_view hash) {
  if (hash.empty()) return "no password";
  if (hash.starts_with("$apr1$")) return "an apr1 (MD5) hash";
  if (hash.starts_with("$1$")) return "an MD5 hash";
  if (hash.starts_with("{SHA}") || hash.starts_with("{SSHA}")) return "a SHA-1 hash";
  if (hash.starts_with('$') || hash.starts_with('{')) return "a hash of another kind";
  if (hash.starts_with('!') || hash.starts_with('*')) return "a locked password";
  return "a plain password or a DES hash";
}

}  // namespace

Result<> check_hash(std::string_view hash) {
  std::string_view rest = hash;
  if (take(rest, "$2a$") || take(rest, "$2b$") || take(rest, "$2y$")) return check_bcrypt(rest);
  if (take(rest, "$y$")) return check_yescrypt(rest);
  if (take(rest, "$6$")) return check_sha("sha512-crypt", rest, 86);
  if (take(rest, "$5$")) return check_sha("sha256-crypt", rest, 43);
  return refused(std::string("has ") + name_of_refused(hash) +
                 ", which is not taken: make it again with htpasswd -B");
}

bool has_hash(const store::Secret& password, const std::string& hash) {
  const std::string_view text = password.view();
  if (text.size() > kPasswordBytesMax || text.find('\0') != std::string_view::npos) return false;
  const auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool is_same = made != nullptr && store::same_secret(made, hash);
  store::cleanse(std::span<char>(reinterpret_cast<char*>(data.get()), sizeof(crypt_data)));
  return is_same;
}

}  // namespace breakwater::routes
