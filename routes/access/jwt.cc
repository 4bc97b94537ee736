#include "routes/access/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "routes/access/jose.h"
#include "routes/oci/date_text.h"
#include "store/base/printable.h"
#include "store/references/retention.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

constexpr size_t kQuotedBytesMax = 200;
constexpr double kLastSecond = 7'258'118'399;  // of the year 2199: what can be told as a date, by far
constexpr std::chrono::seconds kLeeway(Jwt::kLeewayS);

// What others have written, for a sentence: on one line, and no longer than a line.
std::string shown(std::string_view text) {
  return store::printable(text.size() <= kQuotedBytesMax
                              ? std::string(text)
                              : std::string(text.substr(0, kQuotedBytesMax)) + "...");
}

tl::unexpected<Error> unreadable(const std::string& why) {
  return failure(Error::Kind::denied, "the token cannot be read: " + why);
}

// Header, payload and signature. Nothing if there are not three.
std::optional<std::array<std::string_view, 3>> parts_of(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  return std::array{token.substr(0, first), token.substr(first + 1, second - first - 1),
                    token.substr(second + 1)};
}

// A NumericDate: seconds since the epoch, maybe with a fraction. Nothing if it is no moment.
std::optional<store::Time> moment_of(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLastSecond) return std::nullopt;
  return store::Time(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
}

std::optional<std::string> text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  return std::nullopt;
}

// All members that the name may stand for: its parts may be divided by slashes, and may have slashes.
void collect(const json& object, std::string_view name, std::vector<const json*>& found) {
  if (!object.is_object()) return;
  if (const auto member = object.find(name); member != object.end()) found.push_back(&*member);
  for (size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1))
    if (const auto member = object.find(name.substr(0, slash)); member != object.end())
      collect(*member, name.substr(slash + 1), found);
}

}  // namespace

struct Jwt::Parsed {
  json header;
  json claims;
  std::string signed_text;
  std::string signature;
};

bool Jwt::is_like(std::string_view password) {
  const auto parts = parts_of(password);
  const auto header = parts ? base64url_decoded((*parts)[0].substr(0, 4)) : std::nullopt;
  return header && header->starts_with('{');
}

Result<Jwt> Jwt::parse(std::string_view token) {
  if (token.size() > kBytesMax) return unreadable("it has more than " + std::to_string(kBytesMax) + " bytes");
  const auto parts = parts_of(token);
  if (!parts) return unreadable("it has not three parts, as a signed JWT has");
  const auto header = base64url_decoded((*parts)[0]), payload = base64url_decoded((*parts)[1]);
  auto signature = base64url_decoded((*parts)[2]);
  if (!header || !payload || !signature) return unreadable("a part of it is not base64url without padding");
  auto fields = unambiguous_object(*header, kValuesMax), claims = unambiguous_object(*payload, kValuesMax);
  if (!fields) return unreadable("its header is no JSON object whose names are unique, and values few");
  if (!claims) return unreadable("its payload is no JSON object whose names are unique, and values few");
  const size_t signed_bytes = (*parts)[0].size() + 1 + (*parts)[1].size();

  Jwt jwt;
  Parsed parsed{std::move(*fields), std::move(*claims), std::string(token.substr(0, signed_bytes)),
                std::move(*signature)};
  jwt.parsed_ = std::make_shared<const Parsed>(std::move(parsed));
  if (auto read = jwt.read_claims(); !read) return failure(read.error());
  if (auto read = jwt.read_header(); !read) return failure(read.error());
  return jwt;
}

Result<> Jwt::read_claims() {
  const json& claims = parsed_->claims;
  for (const auto& [name, text] : {std::pair("iss", &issuer_), std::pair("sub", &subject_)}) {
    const auto found = claims.find(name);
    if (found == claims.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
      return unreadable("it does not say " + std::string(name));
    *text = found->get<std::string>();
    if (text->size() > kSubjectBytesMax || store::printable(*text) != *text)
      return unreadable("its " + std::string(name) + " is too long, or cannot be shown");
  }
  if (const auto aud = claims.find("aud"); aud != claims.end()) {
    const bool is_list = aud->is_array();
    for (const json& audience : is_list ? *aud : json::array({*aud})) {
      if (!audience.is_string())
        return failure(denied("has an aud that is neither a text nor a list of texts"));
      audiences_.push_back(audience.get<std::string>());
    }
  }
  std::optional<store::Time> expires_at;
  for (const auto& [name, time] :
       {std::pair("exp", &expires_at), std::pair("nbf", &not_before_), std::pair("iat", &issued_at_)}) {
    const auto found = claims.find(name);
    if (found == claims.end()) continue;
    *time = moment_of(*found);
    if (!*time) return failure(denied("has an " + std::string(name) + " that is no moment"));
  }
  if (!expires_at) return failure(denied("does not say when it expires (exp)"));
  expires_at_ = *expires_at;
  return {};
}

Result<> Jwt::read_header() {
  const json& header = parsed_->header;
  const auto alg = header.find("alg");
  const std::string name = alg != header.end() && alg->is_string() ? alg->get<std::string>() : "";
  const auto algorithm = signing_algorithm(name);
  if (!algorithm)
    return failure(denied("has the alg '" + shown(name) + "', and only RS256 and ES256 are taken"));
  algorithm_ = *algorithm;
  if (header.contains("crit")) return failure(denied("demands by crit what is not known here"));
  if (const auto kid = header.find("kid"); kid != header.end()) {
    if (!kid->is_string()) return failure(denied("has a kid that is no text"));
    key_id_ = kid->get<std::string>();
  }
  return {};
}

Error Jwt::denied(const std::string& why) const {
  Error error;
  error.kind = Error::Kind::denied;
  error.message = in_words() + " " + why;
  return error;
}

std::string Jwt::name() const {
  std::string_view place = issuer_;
  for (const std::string_view scheme : {"https://", "http://"})
    if (place.starts_with(scheme)) place.remove_prefix(scheme.size());
  while (place.ends_with('/')) place.remove_suffix(1);
  return std::string(place) + ":" + subject_;
}

std::string Jwt::in_words() const { return "the token of " + shown(name()); }

Result<> Jwt::check_times(store::Time wall) const {
  if (wall >= expires_at_ + kLeeway) return failure(denied("has expired at " + date_text(expires_at_)));
  for (const auto& [name, time] : {std::pair("nbf", &not_before_), std::pair("iat", &issued_at_)})
    if (*time && wall < **time - kLeeway)
      return failure(denied("is of the future: its " + std::string(name) + " is " + date_text(**time) +
                            ", and here it is " + date_text(wall)));
  return {};
}

Result<> Jwt::check_signature(const KeySet& keys) const {
  const PublicKey* key = keys.find(key_id_, algorithm_);
  const std::string algorithm(name_of(algorithm_));
  if (key == nullptr && !key_id_)
    return failure(denied("names no key (kid), and its issuer has not exactly one for " + algorithm));
  if (key == nullptr) {
    const auto why = keys.why_left_out(*key_id_);
    return failure(
        denied("is signed with " + algorithm + " by the key '" + shown(*key_id_) + "', " +
               (why.empty() ? "which its issuer does not list" : "which is not taken: " + std::string(why))));
  }
  if (!key->has_signed(parsed_->signed_text, parsed_->signature))
    return failure(denied("has a signature that is not its issuer's"));
  return {};
}

bool Jwt::is_for(std::string_view audience) const {
  return std::find(audiences_.begin(), audiences_.end(), audience) != audiences_.end();
}

std::vector<std::string> Jwt::texts_of(const std::string& claim) const {
  std::vector<const json*> found;
  collect(parsed_->claims, claim, found);
  std::vector<std::string> texts;
  if (found.size() != 1) return texts;  // what may be two things is none
  const json& value = *found.front();
  for (const json& item : value.is_array() ? value : json::array({value}))
    if (auto text = text_of(item)) texts.push_back(std::move(*text));
  return texts;
}

bool Jwt::says(const ClaimPattern& pattern) const {
  const auto texts = texts_of(pattern.claim);
  return std::any_of(texts.begin(), texts.end(), [&pattern](const std::string& text) {
    // Patterns are matched up to the first NUL.
    return text.find('\0') == std::string::npos && store::matches_any(pattern.patterns, text);
  });
}

std::string Jwt::claim_in_words(const std::string& claim) const {
  std::string words;
  for (const auto& text : texts_of(claim)) {
    if (words.size() > kQuotedBytesMax) return words + ", ...";
    words.append(words.empty() ? "'" : ", '").append(shown(text)).append("'");
  }
  return words.empty() ? "missing" : words;
}

}  // namespace breakwater::routes
