// A key pair of a CI system, made here: it signs tokens, and is published as a JWK. What it signs need not be
// a good token.
//
//   const auto key = SigningKey::rsa("k1");
//   const std::string token = key.token(R"({"iss":"https://ci.example","sub":"me"})");
//   const std::string keys = jwks({key.jwk()});
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace breakwater::test {

std::string base64url(std::string_view bytes);
std::string jwks(std::initializer_list<std::string> keys);
// Two base64url parts with a dot between them: what a JWS signs.
std::string signed_text(std::string_view header, std::string_view payload);

class SigningKey {
 public:
  static SigningKey rsa(std::string id, unsigned bits = 2048);
  static SigningKey ec(std::string id, const char* curve = "P-256");

  // `more`: further members, `,"use":"sig"`.
  std::string jwk(const std::string& more = "") const;
  // A member of the JWK, decoded: "n", "e", "x", "y".
  std::string number(const char* member) const;
  std::string header() const;  // {"alg":…,"kid":…,"typ":"JWT"}
  std::string token(std::string_view payload) const { return token(header(), payload); }
  std::string token(std::string_view header, std::string_view payload) const;
  std::string signature(std::string_view text) const;      // as a JWS has it
  std::string der_signature(std::string_view text) const;  // as OpenSSL makes it

 private:
  SigningKey(std::string id, bool is_rsa, std::string curve, evp_pkey_st* key);
  std::string id_;
  bool is_rsa_;
  std::string curve_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace breakwater::test
