#include "proxy/upstream/upstream_words.h"

#include <string>

#include "test/catch.h"

namespace breakwater::proxy {

TEST_CASE("the words of an upstream are found in whatever form it says them") {
  CHECK(upstream_words("toomanyrequests: You have reached your pull rate limit.\n") ==
        "toomanyrequests: You have reached your pull rate limit.");
  CHECK(
      upstream_words(R"({"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your limit"}]})") ==
      "TOOMANYREQUESTS: You have reached your limit");
  CHECK(upstream_words(R"({"errors":[{"code":"DENIED"}]})") == "DENIED");
  CHECK(upstream_words(R"({"details":"incorrect username or password"})") ==
        "incorrect username or password");
  CHECK(upstream_words(R"({"error":"x","error_description":"the token has expired"})") ==
        "the token has expired");
}

TEST_CASE("a page, XML of storage, and JSON without words say nothing") {
  for (const char* body : {"", " \n", "<html>Too Many Requests</html>", "\n<?xml version=\"1.0\"?><Error/>",
                           "{", "{}", "[1]", R"({"errors":[]})", R"({"errors":"x","message":7})"})
    CHECK(upstream_words(body).empty());
  CHECK(with_upstream_words("GET x: 403", "<html>") == "GET x: 403");
}

TEST_CASE("the words are one printable line of a bounded length") {
  CHECK(upstream_words("a \r\n\t b\x1b[31m \"c\"") == "a b\\x1b[31m 'c'");
  CHECK(upstream_words(std::string(9000, 'a')) == std::string(200, 'a') + "…");
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "ü";
  CHECK(upstream_words("x" + umlauts) == "x" + umlauts.substr(0, 198) + "…");
  CHECK(with_upstream_words("GET x: 429", "slow down") == "GET x: 429, and upstream says \"slow down\"");
}

}  // namespace breakwater::proxy
