#include "proxy/upstream/challenge.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

TEST_CASE("a Bearer challenge names realm, service and scope") {
  auto challenges = parse_challenges(
      R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull,push")");
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].get("realm") == "https://auth.docker.io/token");
  CHECK(challenges[0].get("service") == "registry.docker.io");
  CHECK(challenges[0].get("scope") == "repository:library/alpine:pull,push");
  CHECK(challenges[0].get("error") == "");
}

TEST_CASE("several challenges in one header are told apart") {
  auto challenges = parse_challenges(
      R"(Negotiate, Basic realm="a, b", charset="UTF-8", BEARER Realm = "https://x/t" , scope=repository:a/b:pull)");
  REQUIRE(challenges.size() == 3);
  CHECK(challenges[0].scheme == "negotiate");
  CHECK(find_challenge(challenges, "basic")->get("realm") == "a, b");
  CHECK(find_challenge(challenges, "basic")->get("charset") == "UTF-8");
  CHECK(find_challenge(challenges, "bearer")->get("realm") == "https://x/t");
  CHECK(find_challenge(challenges, "bearer")->get("scope") == "repository:a/b:pull");
  CHECK(find_challenge(challenges, "digest") == nullptr);
}

TEST_CASE("a challenge with a token68 does not hide the one after it") {
  auto challenges = parse_challenges(R"(Negotiate YIIabc==, Basic realm="r")");
  REQUIRE(find_challenge(challenges, "basic") != nullptr);
  CHECK(find_challenge(challenges, "basic")->get("realm") == "r");
}

TEST_CASE("quoted characters in a challenge lose their backslash") {
  auto challenges = parse_challenges(R"(Basic realm="say \"hi\" \\o/")");
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].get("realm") == R"(say "hi" \o/)");
}

TEST_CASE("broken challenges yield what can be read of them and never hang") {
  for (const char* header : {"", ",", ",,,", "\"", "=", "Bearer realm=\"unclosed", "Bearer realm=",
                             "Bearer =x", "\x01\x02", "Bearer realm=\"a\\", "==,==", "a=b=c"})
    CHECK_NOTHROW(parse_challenges(header));
  CHECK(parse_challenges("Bearer realm=\"unclosed").empty());
  CHECK(parse_challenges(R"(Basic realm="r", Bearer realm="unclosed)").size() == 1);
}

TEST_CASE("the address for a token holds service and scope, encoded, beside the realm's own query") {
  CHECK(token_url("https://auth.docker.io/token", "registry.docker.io", "repository:library/alpine:pull") ==
        "https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Falpine%3Apull");
  CHECK(token_url("https://x/t?a=b", "s p", "") == "https://x/t?a=b&service=s%20p");
  CHECK(token_url("https://x/t", "", "") == "https://x/t");
}

TEST_CASE("ghcr.io's placeholder is no scope") {
  CHECK(is_placeholder_scope("repository:user/image:pull"));
  CHECK_FALSE(is_placeholder_scope("repository:user/image2:pull"));
}

}  // namespace
}  // namespace breakwater::proxy
