#include "routes/access/jwks.h"

#include <nlohmann/json.hpp>
#include <string>

#include "routes/access/jose.h"
#include "test/catch.h"
#include "test/fakes/signing_key.h"

namespace breakwater::routes {
namespace {

using test::base64url;
using test::jwks;
using test::SigningKey;

constexpr auto kRs256 = SigningAlgorithm::rs256;
constexpr auto kEs256 = SigningAlgorithm::es256;

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::rsa("r");
  return key;
}
const SigningKey& ec() {
  static const SigningKey key = SigningKey::ec("e");
  return key;
}

std::string rsa_jwk(const std::string& n, const std::string& e) {
  return R"({"kty":"RSA","kid":"r","n":")" + n + R"(","e":")" + e + R"("})";
}
std::string ec_jwk(const std::string& x, const std::string& y) {
  return R"({"kty":"EC","crv":"P-256","kid":"e","x":")" + x + R"(","y":")" + y + R"("})";
}

TEST_CASE("base64url is read if it is written in the one way that there is") {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd", "{\"alg\":\"none\"}"})
    CHECK(base64url_decoded(base64url(bytes)) == bytes);
  for (const char* text :
       {"YQ==", "YWI=", "YR", "YWJ", "Y", "YWJjZ", "+/+/", "YW Jj", "YWJj\n", "YWJj.", "YW\xc3\xa4"}) {
    CAPTURE(text);
    CHECK_FALSE(base64url_decoded(text));
  }
}

TEST_CASE("a JSON object that two readers may read in two ways is not read") {
  CHECK(unambiguous_object(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})", 8));
  for (const char* text :
       {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"({"x":{"a":1,"a":2}})", R"({"x":[{"a":1,"a":2}]})",
        R"([])", R"("a")", "", "{", R"({"a":1}x)", R"({"a":1}{"a":1})", R"({"a":01})", R"({"a":NaN})"}) {
    CAPTURE(text);
    CHECK_FALSE(unambiguous_object(text, 100));
  }
  for (const auto text : {std::string_view("{}\0", 3), std::string_view("{\"a\":1}\0{\"a\":2}", 15)})
    CHECK_FALSE(unambiguous_object(text, 100));
  std::string deep = "1";
  for (int depth = 0; depth < 70; ++depth) deep = R"({"a":)" + deep + "}";
  CHECK_FALSE(unambiguous_object(deep, 100));
}

TEST_CASE("a JSON object of too many values is not kept") {
  for (const char* text : {R"({"a":1,"b":2})", R"({"a":[1]})", R"({"a":{"b":{}}})", R"({"a":[[]]})",
                           R"({"a":[{"a":1}]})", R"({"a":[{},{},{}]})"}) {
    CAPTURE(text);
    CHECK_FALSE(unambiguous_object(text, 2));
  }
  CHECK(unambiguous_object(R"({"a":1,"b":2})", 3));
  CHECK(unambiguous_object(R"({"a":[{},{},{}]})", 5));
}

TEST_CASE("keys are found by id and algorithm, or alone for their algorithm") {
  const auto other = SigningKey::rsa("r2");
  const auto set = KeySet::parse(jwks({rsa().jwk(R"(,"use":"sig","alg":"RS256")"), ec().jwk(), other.jwk()}));
  REQUIRE(set);
  CHECK(set->size() == 3);
  REQUIRE(set->find("r", kRs256) != nullptr);
  CHECK(set->find("r", kRs256)->has_signed("text", rsa().signature("text")));
  CHECK_FALSE(set->find("r", kRs256)->has_signed("text.", rsa().signature("text")));
  CHECK_FALSE(set->find("r2", kRs256)->has_signed("text", rsa().signature("text")));
  CHECK(set->find("e", kEs256)->has_signed("text", ec().signature("text")));
  CHECK(set->find("r", kEs256) == nullptr);
  CHECK(set->find("e", kRs256) == nullptr);
  CHECK(set->find("R", kRs256) == nullptr);
  CHECK(set->find("", kRs256) == nullptr);
  CHECK(set->find(std::nullopt, kEs256) == set->find("e", kEs256));
  CHECK(set->find(std::nullopt, kRs256) == nullptr);  // there are two
}

TEST_CASE("a key that is of no use is left out, and the reason is kept") {
  struct Row {
    std::string jwk, why;
  };
  const std::string n = base64url(rsa().number("n")), e = base64url(rsa().number("e"));
  const std::string x = base64url(ec().number("x")), y = base64url(ec().number("y"));
  std::string beside = ec().number("y");
  beside.back() = static_cast<char>(beside.back() ^ 1);
  std::string even = rsa().number("n");
  even.back() = static_cast<char>(even.back() & ~1);
  const auto row = GENERATE_COPY(values<Row>({
      {SigningKey::rsa("r", 1024).jwk(), "RSA key of 1024 bits"},
      {SigningKey::rsa("r", 2040).jwk(), "RSA key of 2040 bits"},
      {rsa_jwk(base64url(std::string(1025, '\xff')), e), "more than 8192 bits"},
      {rsa_jwk(n, base64url(std::string(9, '\xff'))), "more than 8192 bits"},
      {rsa_jwk(base64url("\x01" + std::string(127, '\0') + rsa().number("n").substr(0, 100)), e), "bits"},
      {rsa_jwk(n, base64url("\x01")), "signs nothing"},
      {rsa_jwk(n, base64url("\x02")), "signs nothing"},
      {rsa_jwk(n, base64url(std::string(1, '\0'))), "signs nothing"},
      {rsa_jwk(base64url(even), e), "no sound key"},
      {rsa_jwk(n + "=", e), "no modulus"},
      {rsa_jwk(n, ""), "no exponent"},
      {R"({"kty":"RSA","kid":"r","n":5,"e":[]})", "no modulus"},
      {rsa().jwk(R"(,"use":"enc")"), "not for signatures"},
      {rsa().jwk(R"(,"use":1)"), "not for signatures"},
      {rsa().jwk(R"(,"alg":"RS512")"), "another algorithm than RS256"},
      {rsa().jwk(R"(,"alg":"HS256")"), "another algorithm than RS256"},
      {rsa().jwk(R"(,"key_ops":["sign"])"), "not for the check"},
      {rsa().jwk(R"(,"key_ops":"verify")"), "not for the check"},
      {SigningKey::ec("e", "P-384").jwk(), "curve 'P-384'"},
      {SigningKey::ec("e", "P-521").jwk(), "curve 'P-521'"},
      {SigningKey::ec("e", "secp256k1").jwk(), "curve 'secp256k1'"},
      {R"({"kty":"EC","kid":"e","x":")" + x + R"(","y":")" + y + R"("})", "curve ''"},
      {ec().jwk(R"(,"alg":"RS256")"), "another algorithm than ES256"},
      {ec_jwk(x, base64url(beside)), "no key of its kind"},
      {ec_jwk(base64url(std::string(32, '\0')), base64url(std::string(32, '\0'))), "no key of its kind"},
      {ec_jwk(base64url(ec().number("x").substr(1)), y), "32 and 32 bytes"},
      {ec_jwk(base64url('\0' + ec().number("x")), y), "32 and 32 bytes"},
  }));
  CAPTURE(row.jwk);
  const auto set = KeySet::parse(jwks({row.jwk}));
  REQUIRE(set);
  CHECK(set->size() == 0);
  const std::string why(set->why_left_out(row.jwk.find(R"("kid":"r")") != std::string::npos ? "r" : "e"));
  CAPTURE(why);
  CHECK(why.find(row.why) != std::string::npos);
}

TEST_CASE("secrets and what is no key are passed over") {
  const auto set = KeySet::parse(jwks({R"({"kty":"oct","kid":"s","k":"c2VjcmV0"})",
                                       R"({"kty":"OKP","crv":"Ed25519","kid":"o","x":"AAAA"})", "1", "null",
                                       "[]", R"({"kid":"x"})", ec().jwk(R"(,"key_ops":["verify"])")}));
  REQUIRE(set);
  CHECK(set->size() == 1);
  CHECK(set->find("s", kRs256) == nullptr);
  CHECK(set->find("e", kEs256) != nullptr);
}

TEST_CASE("one key may be listed twice, and two of one name may not") {
  CHECK(KeySet::parse(jwks({rsa().jwk(), rsa().jwk(R"(,"use":"sig")")}))->size() == 1);
  CHECK(KeySet::parse(jwks({SigningKey::rsa("a").jwk(), SigningKey::ec("a").jwk()}))->size() == 2);
  const auto both = KeySet::parse(jwks({rsa().jwk(), SigningKey::rsa("r").jwk()}));
  REQUIRE_FALSE(both);
  CHECK(both.error().kind == Error::Kind::corrupt);
  CHECK(both.error().message == "the JWKS lists two different keys of the id 'r'");
}

TEST_CASE("what is no list of keys is corrupt, and an empty one is a list") {
  CHECK(KeySet::parse(R"({"keys":[]})")->size() == 0);
  std::string many;
  for (size_t i = 0; i <= KeySet::kKeysMax; ++i) many += i == 0 ? "1" : ",1";
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[],"keys":[]})"), std::string("<html>"), R"({"keys":[)" + many + "]}",
        R"({"keys":[],"a":")" + std::string(KeySet::kJsonBytesMax, 'a') + "\"}"}) {
    CAPTURE(text.substr(0, 50));
    const auto set = KeySet::parse(text);
    REQUIRE_FALSE(set);
    CHECK(set.error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("a set knows whether it has all keys of another") {
  const auto both = KeySet::parse(jwks({rsa().jwk(), ec().jwk()}));
  const auto one = KeySet::parse(jwks({ec().jwk()}));
  const auto changed = KeySet::parse(jwks({rsa().jwk(), SigningKey::ec("e").jwk()}));
  CHECK(both->has_all_of(*one));
  CHECK(both->has_all_of(*both));
  CHECK_FALSE(one->has_all_of(*both));
  CHECK_FALSE(both->has_all_of(*changed));
}

TEST_CASE("discovery tells where the keys are, for the very issuer that was asked") {
  const std::string good = R"({"issuer":"https://ci.example","jwks_uri":"https://ci.example/keys"})";
  CHECK(*jwks_uri_of(good, "https://ci.example") == "https://ci.example/keys");
  for (const char* issuer : {"https://ci.example/", "https://CI.example", "http://ci.example", ""})
    CHECK(jwks_uri_of(good, issuer).error().kind == Error::Kind::corrupt);
  for (const char* text :
       {"", "[]", R"({"issuer":"https://ci.example"})", R"({"issuer":"https://ci.example","jwks_uri":1})",
        R"({"jwks_uri":"https://ci.example/keys"})",
        R"({"issuer":"https://evil.example","issuer":"https://ci.example","jwks_uri":"https://e/"})"}) {
    CAPTURE(text);
    CHECK(jwks_uri_of(text, "https://ci.example").error().kind == Error::Kind::corrupt);
  }
}

}  // namespace
}  // namespace breakwater::routes
