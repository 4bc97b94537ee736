// What Authorization may say, and what is malformed.
#include "routes/access/credentials.h"

#include "routes/access/token_text.h"
#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Kind = Credentials::Kind;

Result<std::optional<Credentials>> given(const std::string& value) {
  return credentials_of({{"Authorization", value}});
}

// "user|password", "Bearer token", or "!" and what is wrong.
std::string read(const std::string& value) {
  const auto credentials = given(value);
  if (!credentials) {
    CHECK(credentials.error().kind == Error::Kind::invalid);
    CHECK_FALSE(credentials.error().remedy.empty());
    return "!" + credentials.error().message;
  }
  REQUIRE(*credentials);
  const std::string secret((*credentials)->secret.view());
  return (*credentials)->kind == Kind::basic ? (*credentials)->user + "|" + secret : "Bearer " + secret;
}

}  // namespace

TEST_CASE("Authorization is read as clients write it") {
  struct Row {
    std::string value, expected;
  };
  const std::vector<Row> rows = {
      {"Basic YWxpY2U6c2VjcmV0", "alice|secret"},
      {"basic YWxpY2U6c2VjcmV0", "alice|secret"},
      {"BASIC   YWxpY2U6c2VjcmV0  ", "alice|secret"},
      {"Basic YTpi", "a|b"},
      {"Basic YTpiOmM6", "a|b:c:"},  // only the first colon parts them
      {"Basic OnRva2Vu", "|token"},  // any user is good enough for a token
      {"Basic YTo=", "a|"},
      {"Basic YTo", "a|"},  // the padding may be left out
      {"Basic YTpiYw==", "a|bc"},
      {"Basic w6Q6w7Y=", "ä|ö"},
      {"Bearer bwt_abc", "Bearer bwt_abc"},
      {"bearer a.b-c_d~e+f/g==", "Bearer a.b-c_d~e+f/g=="},
      {"", "!Authorization is neither Basic nor Bearer"},
      {"YWxpY2U6c2VjcmV0", "!Authorization is neither Basic nor Bearer"},
      {"Digest username=\"alice\"", "!Authorization is neither Basic nor Bearer"},
      {"Basic", "!the Basic credentials are no base64"},
      {"Basic ", "!the Basic credentials are no base64"},
      {"Basic =", "!the Basic credentials are no base64"},
      {"Basic YTpi=", "!the Basic credentials are no base64"},
      {"Basic YTo==", "!the Basic credentials are no base64"},
      {"Basic YTpiY", "!the Basic credentials are no base64"},
      {"Basic YT=pi", "!the Basic credentials are no base64"},
      {"Basic YT pi", "!the Basic credentials are no base64"},
      {"Basic YT-i", "!the Basic credentials are no base64"},
      {"Basic alice:secret", "!the Basic credentials are no base64"},
      {"Basic YWxpY2U=", "!the Basic credentials have no colon behind the user"},
      {"Basic YTpiAA==", "!the Basic credentials have control characters"},
      {"Basic YQo6Yg==", "!the Basic credentials have control characters"},
      {"Basic YTpifw==", "!the Basic credentials have control characters"},
      {"Bearer", "!the Bearer token is malformed"},
      {"Bearer a b", "!the Bearer token is malformed"},
      {"Bearer ==", "!the Bearer token is malformed"},
      {"Bearer a,b", "!the Bearer token is malformed"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    CHECK(read(row.value) == row.expected);
  }
}

TEST_CASE("a request without Authorization says nothing, and one with two says too much") {
  for (const auto& headers : {proxy::Headers{}, proxy::Headers{{"Host", "x"}}}) {
    const auto nothing = credentials_of(headers);
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
  }
  const auto two = credentials_of({{"Authorization", "Basic YTpi"}, {"authorization", "Basic YTpi"}});
  REQUIRE_FALSE(two);
  CHECK(two.error().message == "the request has Authorization more than once");
}

TEST_CASE("Authorization of 16 KiB is read, and not of one byte more") {
  const std::string bearer = "Bearer ";
  CHECK(given(bearer + std::string(kAuthorizationBytesMax - bearer.size(), 'a')));
  CHECK(read(bearer + std::string(kAuthorizationBytesMax - bearer.size() + 1, 'a')) ==
        "!Authorization has more than 16 KiB");
}

TEST_CASE("a token is known by its prefix and its checksum, and no two are the same") {
  const store::Secret first = new_token(), second = new_token();
  CHECK(first.view() != second.view());
  CHECK(first.view().size() == 53);
  CHECK(first.view().starts_with("bwt_"));
  CHECK(first.view().find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 4) ==
        std::string_view::npos);
  CHECK(is_token(first.view()));
  std::string text(first.view());
  for (size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    std::string mistyped = text;
    mistyped[i] = mistyped[i] == 'x' ? 'y' : 'x';
    CHECK_FALSE(is_token(mistyped));
  }
  CHECK_FALSE(is_token(text.substr(0, 52)));
  CHECK_FALSE(is_token(text + "0"));
  CHECK_FALSE(is_token(""));
  // The format is for ever: other tools know it.
  CHECK(is_token("bwt_" + std::string(43, '0') + "2CZclj"));
}

}  // namespace breakwater::routes
