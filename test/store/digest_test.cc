#include "store/base/digest.h"

#include <unordered_set>

#include "test/catch.h"

namespace breakwater::store {
namespace {

const std::string kEmptySha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kAbcSha512 =
    "sha512:"
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423"
    "643ce80e2a9ac94fa54ca49f";

TEST_CASE("a digest is printed as it was parsed") {
  for (const std::string& text : {kEmptySha256, kAbcSha512}) {
    const auto digest = Digest::parse(text);
    REQUIRE(digest);
    CHECK(digest->text() == text);
    CHECK(digest->hex() == text.substr(7));
  }
}

TEST_CASE("what is no digest is refused as invalid") {
  const std::string hex64(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("sha256"), std::string("sha256:"), "sha256:" + hex64.substr(1),
        "sha256:" + hex64 + "a", "sha256:" + std::string(64, 'A'), "sha256:" + hex64.substr(1) + "g",
        "sha512:" + hex64, "md5:" + hex64, "SHA256:" + hex64, " sha256:" + hex64, "sha256:" + hex64 + "\n",
        "sha256:" + hex64.substr(1) + std::string(1, '\0')}) {
    const auto digest = Digest::parse(text);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().kind == Error::Kind::invalid);
  }
}

TEST_CASE("a very long text that is no digest is quoted only in part") {
  const auto digest = Digest::parse(std::string(100'000, 'x'));
  REQUIRE_FALSE(digest);
  CHECK(digest.error().message.size() < 300);
}

TEST_CASE("hashes are those of the standards") {
  CHECK(digest_of(Algorithm::sha256, std::string()).text() == kEmptySha256);
  CHECK(digest_of(Algorithm::sha512, std::string("abc")).text() == kAbcSha512);
}

TEST_CASE("hashing piece by piece comes to the same digest") {
  Hasher hasher(Algorithm::sha512);
  for (const char letter : std::string("abc")) hasher.update({&letter, 1});
  CHECK(hasher.finish().text() == kAbcSha512);
}

TEST_CASE("digests are values: equal, ordered and hashed by their content") {
  const auto a = *Digest::parse("sha256:" + std::string(64, 'a'));
  const auto b = *Digest::parse("sha256:" + std::string(64, 'b'));
  CHECK(a < b);
  CHECK(a != b);
  const std::unordered_set<Digest, DigestHash> set = {a, b, a};
  CHECK(set.size() == 2);
}

}  // namespace
}  // namespace breakwater::store
