// The token by which a job of a CI system says who it is: a JSON Web Token (RFC 7519), signed (RFC 7515, in
// its compact form) with RS256 or ES256 by whoever issued it. All else is refused, as RFC 8725 advises: `alg`
// none and HMACs, encrypted tokens, `crit`, names that are there twice, base64url with padding. Keys that
// come in the token itself (`jwk`, `jku`, `x5c`) are never looked at.
//
//   const auto jwt = Jwt::parse(password);                           // who says so? Nobody yet
//   jwt->check_times(clock.wall()), jwt->check_signature(key_set);   // its issuer does
//   jwt->is_for("breakwater"), jwt->says(pattern);                   // and what it says
//
// A Jwt is a value, pure, for any thread; copies share what was parsed. Errors are `denied`: a sentence that
// names the token by its issuer and subject, once those are read. None holds the token or its signature.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routes/access/jwks.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::routes {

// What a claim has to be: one of the patterns, as store::matches_any() has them: `*` is any characters, `?`
// is one, and `[` begins a set, unless a backslash is before it: `dependabot\[bot]`. A member of an object in
// the token has the object's name before its own: "kubernetes.io/namespace". Of a list one text has to fit;
// numbers and booleans are as JSON writes them; other values fit nothing.
struct ClaimPattern {
  std::string claim;
  std::vector<std::string> patterns;
};

class Jwt {
 public:
  // Tokens have 1 to 3 KiB; one of GitLab's that lists many groups has more. As the password of Basic it has
  // to fit, in base64, into the head of a request (proxy/server/http_server.h).
  static constexpr size_t kBytesMax = size_t{16} << 10;
  static constexpr size_t kValuesMax = 1024;  // of its header, and of its payload
  static constexpr size_t kSubjectBytesMax = 1024;
  static constexpr int64_t kLeewayS = 60;  // how far the issuer's clock may be from ours

  // Whether a password looks like a JWT, so that whoever sent it is told what is wrong with that.
  static bool is_like(std::string_view password);

  // Reads the token and checks its form. Whether it is anybody's, and of now, is not checked.
  [[nodiscard]] static Result<Jwt> parse(std::string_view token);

  const std::string& issuer() const { return issuer_; }
  const std::string& subject() const { return subject_; }
  const std::optional<std::string>& key_id() const { return key_id_; }
  SigningAlgorithm algorithm() const { return algorithm_; }
  store::Time expires_at() const { return expires_at_; }  // of the wall clock, without leeway
  // Who the token says that the job is: the issuer without its scheme, and the subject,
  // "gitlab.example.org:project_path:me/app:ref_type:branch:ref:main".
  std::string name() const;
  std::string in_words() const;  // for errors: "the token of gitlab.example.org:project_path:me/a…"

  // Whether it is that time: `exp`, `nbf` and `iat` are within the leeway.
  [[nodiscard]] Result<> check_times(store::Time wall) const;
  // Whether a key of the issuer's has signed it: that of its `kid`, or without a `kid` the only one there is.
  [[nodiscard]] Result<> check_signature(const KeySet& keys) const;

  bool is_for(std::string_view audience) const;
  const std::vector<std::string>& audiences() const { return audiences_; }
  bool says(const ClaimPattern& pattern) const;
  // What the claim says, for errors: "'main'"; "'a', 'b'" of a list; "missing".
  std::string claim_in_words(const std::string& claim) const;

 private:
  struct Parsed;
  Jwt() = default;
  Result<> read_claims();
  Result<> read_header();
  Error denied(const std::string& why) const;
  std::vector<std::string> texts_of(const std::string& claim) const;

  std::shared_ptr<const Parsed> parsed_;
  std::string issuer_;
  std::string subject_;
  std::vector<std::string> audiences_;
  std::optional<std::string> key_id_;
  SigningAlgorithm algorithm_ = SigningAlgorithm::rs256;
  store::Time expires_at_{};
  std::optional<store::Time> not_before_;
  std::optional<store::Time> issued_at_;
};

}  // namespace breakwater::routes
