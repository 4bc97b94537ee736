#include "proxy/upstream/tokens.h"

#include <memory>
#include <vector>

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/run.h"

namespace breakwater::proxy {
namespace {

using std::chrono::seconds;
using test::FakeClock;
using test::run;

TokenKey key_of(std::string host, std::string scope) {
  TokenKey key;
  key.endpoint = Endpoint{"https", std::move(host), 443};
  key.scope = std::move(scope);
  return key;
}

// A token endpoint that answers when the test says so.
struct Realm {
  explicit Realm(Loop& loop) : opened(loop) {}
  Tokens::Fetch fetch() {
    return [this] { return issue(); };
  }
  Task<Result<Token>> issue() {
    int number = ++asked;
    while (!open) co_await opened.wait();
    if (failing) co_return failure(Error::Kind::unavailable, "no realm");
    Token token;
    token.text = "token-" + std::to_string(number);
    token.expires_in_s = 100;
    co_return token;
  }
  int asked = 0;
  bool open = true;
  bool failing = false;
  Signal opened;
};

Task<Result<Token>> issued(int64_t issued_at_s) {
  Token token;
  token.text = "old";
  token.expires_in_s = 100;
  token.issued_at_s = issued_at_s;
  co_return token;
}

TEST_CASE("a token answer is read by either name, with its life or without") {
  CHECK(parse_token(R"({"token":"abc","expires_in":300})")->text == "abc");
  CHECK(parse_token(R"({"token":"abc","expires_in":300})")->expires_in_s == 300);
  CHECK(parse_token(R"({"access_token":"xyz"})")->text == "xyz");
  CHECK(parse_token(R"({"access_token":"xyz"})")->expires_in_s == 60);
  CHECK(parse_token(R"({"token":"","access_token":"xyz","expires_in":-3})")->expires_in_s == 60);
  CHECK(parse_token(R"({"token":"a b","access_token":"xyz"})")->text == "xyz");
  CHECK(parse_token(R"({"token":null,"access_token":"xyz","expires_in":"300"})")->expires_in_s == 300);
  for (const char* odd : {"0", "-1", "null", "\"soon\"", "\"nan\"", "[]", "0.0"}) {
    INFO(odd);
    CHECK(parse_token(R"({"token":"abc","expires_in":)" + std::string(odd) + "}")->expires_in_s == 60);
  }
  for (const char* huge : {"1e300", "9223372036854775807", "\"inf\"", "18446744073709551615"}) {
    INFO(huge);
    CHECK(parse_token(R"({"token":"abc","expires_in":)" + std::string(huge) + "}")->expires_in_s == 86'400);
  }
  for (const char* bad : {"", "[]", "null", "{}", "{\"token\":3}", "{\"token\":\"a\\r\\nX-Evil: 1\"}",
                          "{\"token\":\"a b\"}", "<html>"}) {
    INFO(bad);
    CHECK(parse_token(bad).error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("a token is used for 80 percent of its life") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  auto key = key_of("ghcr.io", "repository:a:pull");
  CHECK(run(loop, tokens.get(key, "", realm.fetch())) == "token-1");
  clock.advance(seconds(79));
  CHECK(tokens.find(key) == "token-1");
  clock.advance(seconds(1));
  CHECK_FALSE(tokens.find(key));
  CHECK(run(loop, tokens.get(key, "", realm.fetch())) == "token-2");
}

TEST_CASE("a token answer may tell when the token was issued") {
  struct Case {
    const char* text;
    std::optional<int64_t> epoch_s;
  };
  for (const Case& c :
       {Case{"2023-11-14T22:13:20Z", 1'700'000'000}, Case{"2023-11-14T22:13:20.123456789Z", 1'700'000'000},
        Case{"2023-11-14T23:43:20+01:30", 1'700'000'000}, Case{"2023-11-14T21:13:20-01:00", 1'700'000'000},
        Case{"yesterday", {}}, Case{"", {}}, Case{"2023-11-14", {}}, Case{"2023-11-14T22:13:20", {}}}) {
    INFO(c.text);
    CHECK(parse_token(R"({"token":"abc","issued_at":")" + std::string(c.text) + "\"}")->issued_at_s ==
          c.epoch_s);
  }
}

TEST_CASE("a token's life is counted from when it was issued, if that makes sense") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  struct Case {
    int64_t age_s;
    int64_t used_for_ms;
  };
  for (const Case& c : {Case{0, 80'000}, Case{50, 40'000}, Case{99, 800}, Case{100, 80'000},
                        Case{5000, 80'000}, Case{-60, 80'000}}) {
    INFO(c.age_s);
    auto key = key_of("ghcr.io", std::to_string(c.age_s));
    const int64_t issued_at_s = 1'700'000'000 - c.age_s;
    Tokens::Fetch fetch = [issued_at_s] { return issued(issued_at_s); };
    CHECK(run(loop, tokens.get(key, "", fetch)) == "old");
    clock.advance(std::chrono::milliseconds(c.used_for_ms - 1));
    CHECK(tokens.find(key));
    clock.advance(std::chrono::milliseconds(1));
    CHECK_FALSE(tokens.find(key));
    clock.advance(std::chrono::milliseconds(-c.used_for_ms));
  }
}

TEST_CASE("a token is renewed by the realm that issued it, and a refusal stands for a minute or until then") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  auto key = key_of("ghcr.io", "repository:a:pull");
  CHECK(run(loop, tokens.renew(key, "x")).error().kind == Error::Kind::not_found);
  CHECK(run(loop, tokens.get(key, "", realm.fetch())) == "token-1");
  tokens.note_refusal(key);
  CHECK(tokens.refusal_stands(key));
  clock.advance(seconds(60));
  CHECK_FALSE(tokens.refusal_stands(key));
  tokens.note_refusal(key);
  CHECK(run(loop, tokens.renew(key, "token-1")) == "token-2");
  CHECK_FALSE(tokens.refusal_stands(key));
}

TEST_CASE("who waits for the fetch of another and gets the token that was rejected fetches its own") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  realm.open = false;
  auto key = key_of("ghcr.io", "repository:a:pull");
  auto first = tokens.get(key, "", realm.fetch());
  first.start();
  auto second = tokens.get(key, "token-1", realm.fetch());
  realm.open = true;
  realm.opened.ring();
  CHECK(run(loop, std::move(second)) == "token-2");
}

TEST_CASE("a token is for one host and one scope") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  auto key = key_of("ghcr.io", "repository:a:pull");
  CHECK(run(loop, tokens.get(key, "", realm.fetch())));
  CHECK_FALSE(tokens.find(key_of("ghcr.io", "repository:b:pull")));
  CHECK_FALSE(tokens.find(key_of("quay.io", "repository:a:pull")));
  auto other_port = key;
  other_port.endpoint.port = 8443;
  CHECK_FALSE(tokens.find(other_port));
  auto other_scheme = key;
  other_scheme.endpoint.scheme = "http";
  CHECK_FALSE(tokens.find(other_scheme));
}

TEST_CASE("a rejected token is dropped, but one that has replaced it meanwhile is taken") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  auto key = key_of("ghcr.io", "repository:a:pull");
  CHECK(run(loop, tokens.get(key, "", realm.fetch())) == "token-1");
  CHECK(run(loop, tokens.get(key, "token-1", realm.fetch())) == "token-2");
  CHECK(run(loop, tokens.get(key, "token-1", realm.fetch())) == "token-2");
  CHECK(realm.asked == 2);
}

TEST_CASE("those who need a token at once share one request, which goes on without the one who began it") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  realm.open = false;
  auto key = key_of("ghcr.io", "repository:a:pull");
  auto first = std::make_unique<Task<Result<std::string>>>(tokens.get(key, "", realm.fetch()));
  auto second = tokens.get(key, "", realm.fetch());
  first->start();
  first.reset();
  realm.open = true;
  realm.opened.ring();
  CHECK(run(loop, std::move(second)) == "token-1");
  CHECK(realm.asked == 1);
}

TEST_CASE("a realm that fails tells everybody who waits, and is asked again by the next") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock);
  Realm realm(loop);
  realm.failing = true;
  auto key = key_of("ghcr.io", "repository:a:pull");
  CHECK(run(loop, tokens.get(key, "", realm.fetch())).error().kind == Error::Kind::unavailable);
  realm.failing = false;
  CHECK(run(loop, tokens.get(key, "", realm.fetch())) == "token-2");
}

TEST_CASE("the number of tokens kept is bounded") {
  Loop loop;
  FakeClock clock;
  Tokens tokens(loop, clock, 3);
  Realm realm(loop);
  for (int i = 0; i < 10; ++i) {
    clock.advance(seconds(1));
    CHECK(run(loop, tokens.get(key_of("ghcr.io", std::to_string(i)), "", realm.fetch())));
  }
  CHECK(tokens.size() == 3);
  CHECK(tokens.find(key_of("ghcr.io", "9")));
  CHECK_FALSE(tokens.find(key_of("ghcr.io", "6")));
}

}  // namespace
}  // namespace breakwater::proxy
