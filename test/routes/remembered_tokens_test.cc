#include "routes/access/remembered_tokens.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using std::chrono::seconds;

store::Time at(int64_t s) { return store::Time(seconds(s)); }
store::Digest digest_of(const std::string& token) {
  return store::digest_of(store::Algorithm::sha256, token);
}

RememberedTokens::Token token(const std::string& text, int64_t use_until, int64_t expires_at) {
  Identity identity;
  identity.name = "job of " + text;
  return {digest_of(text), "https://" + text.substr(0, 1) + ".example", identity, at(use_until),
          at(expires_at)};
}

TEST_CASE("a token is remembered for its time, and not beyond its own end") {
  struct Row {
    int64_t now, wall;
    bool is_known;
  };
  const auto row =
      GENERATE(values<Row>({{0, 1000, true}, {59, 1299, true}, {60, 1000, false}, {0, 1300, false}}));
  CAPTURE(row.now, row.wall);
  RememberedTokens tokens(10);
  tokens.add(token("a1", 60, 1300));
  const Identity* known = tokens.find(digest_of("a1"), at(row.now), at(row.wall));
  CHECK((known != nullptr) == row.is_known);
  if (known != nullptr) CHECK(known->name == "job of a1");
  CHECK(tokens.size() == (row.is_known ? 1 : 0));
  CHECK(tokens.find(digest_of("a2"), at(0), at(0)) == nullptr);
}

TEST_CASE("of tokens that are too many the oldest is forgotten") {
  RememberedTokens tokens(3);
  for (const char* text : {"a1", "a2", "a1", "a3", "a4"}) tokens.add(token(text, 60, 60));
  CHECK(tokens.size() == 3);
  CHECK(tokens.find(digest_of("a2"), at(0), at(0)) == nullptr);  // "a1" was added anew after it
  for (const char* text : {"a1", "a3", "a4"}) CHECK(tokens.find(digest_of(text), at(0), at(0)) != nullptr);
}

TEST_CASE("all tokens of an issuer are forgotten, and no others") {
  RememberedTokens tokens(10);
  for (const char* text : {"a1", "b1", "a2", "b2"}) tokens.add(token(text, 60, 60));
  tokens.remove_of("https://a.example");
  CHECK(tokens.size() == 2);
  CHECK(tokens.find(digest_of("a1"), at(0), at(0)) == nullptr);
  CHECK(tokens.find(digest_of("b2"), at(0), at(0)) != nullptr);
}

}  // namespace
}  // namespace breakwater::routes
