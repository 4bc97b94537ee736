#include "proxy/http/host_pattern.h"

#include <string>

#include "proxy/http/host_name.h"
#include "test/catch.h"
#include "test/fakes/host_patterns.h"

namespace breakwater::proxy {
namespace {

using test::host_pattern;

TEST_CASE("a pattern names a host, what is below a name, an address or a network, at one port or at any") {
  struct Row {
    const char* pattern;
    Endpoint endpoint;
    bool matches;
  };
  const auto row = GENERATE(values<Row>({
      {"auth.internal", {"https", "auth.internal", 8443}, true},
      {"Auth.Internal.", {"https", "auth.internal", 8443}, true},
      {"Auth.Internal:8443", {"https", "auth.internal", 8443}, true},
      {"auth.internal:443", {"https", "auth.internal", 8443}, false},
      {"internal", {"https", "auth.internal", 443}, false},
      {"*.internal", {"https", "auth.internal", 443}, true},
      {"*.internal", {"https", "a.b.internal", 443}, true},
      {"*.internal", {"https", "internal", 443}, false},
      {"*.internal", {"https", "notinternal", 443}, false},
      {"*.internal:443", {"https", "a.internal", 8443}, false},
      {"10.1.2.3", {"http", "10.1.2.3", 80}, true},
      {"10.1.2.3:81", {"http", "10.1.2.3", 80}, false},
      {"10.1.0.0/16", {"http", "10.1.2.3", 80}, true},
      {"10.1.0.0/16", {"http", "10.2.2.3", 80}, false},
      {"10.1.0.0/16", {"http", "ten.example", 80}, false},
      {"::1", {"http", "::1", 80}, true},
      {"[::1]", {"http", "::1", 80}, true},
      {"[0::1]:80", {"http", "::1", 80}, true},
      {"[::1]:81", {"http", "::1", 80}, false},
      {"fd00::/8", {"http", "fd12::1", 80}, true},
  }));
  INFO(row.pattern << " " << row.endpoint.text());
  CHECK(host_pattern(row.pattern).matches(row.endpoint) == row.matches);
}

TEST_CASE("a pattern matches the address that a host resolves to, and names one place only if it is exact") {
  struct Row {
    const char* pattern;
    bool matches, exactly;
  };
  const Endpoint cdn{"http", "cdn.internal", 8080};
  const auto row = GENERATE(values<Row>({
      {"cdn.internal:8080", true, true},
      {"cdn.internal", true, false},
      {"*.internal:8080", true, false},
      {"169.254.7.7", true, true},
      {"169.254.7.7:8080", true, true},
      {"169.254.7.7:80", false, false},
      {"169.254.7.7/32", true, true},
      {"169.254.7.0/24", true, false},
      {"0.0.0.0/0", true, false},
      {"169.254.7.8", false, false},
  }));
  INFO(row.pattern);
  const auto address = *IpAddress::parse("169.254.7.7");
  CHECK(host_pattern(row.pattern).matches(cdn, address) == row.matches);
  CHECK(host_pattern(row.pattern).is_exactly(cdn, address) == row.exactly);
  CHECK(host_pattern("localhost").is_exactly(Endpoint{"http", "localhost", 1}, *IpAddress::parse("::1")));
}

TEST_CASE("what is no pattern is refused, quoted, and told what to write") {
  for (const std::string text : {"",
                                 "*",
                                 "*.",
                                 "*gcr.io",
                                 "a.*.b",
                                 "https://ghcr.io",
                                 "ghcr.io/v2",
                                 "ghcr.io:",
                                 "ghcr.io:0",
                                 "ghcr.io:65536",
                                 "ghcr.io:https",
                                 "me@ghcr.io",
                                 "a b",
                                 " ghcr.io",
                                 "ghcr.io ",
                                 "10.0.0.1/33",
                                 "10.0.0.7/24",
                                 "300.1.1.1",
                                 "2130706433",
                                 "[::1",
                                 "::1]",
                                 "[zz]:1",
                                 "fe80::1%eth0",
                                 "::1:x",
                                 "b\xc3\xbc\x63her.example",
                                 "a..b"}) {
    INFO(text);
    const auto pattern = HostPattern::parse(text);
    REQUIRE_FALSE(pattern);
    CHECK(pattern.error().kind == Error::Kind::invalid);
    CHECK(pattern.error().message.starts_with("'" + text + "'"));
  }
}

TEST_CASE("one owner stands behind names with the same registrable domain, by the list of public suffixes") {
  CHECK(same_registrable_domain("registry.example.com", "auth.example.com"));
  CHECK(same_registrable_domain("example.com", "auth.example.com"));
  CHECK(same_registrable_domain("a.b.co.uk", "c.b.co.uk"));
  CHECK(same_registrable_domain("registry.corp.lan", "auth.corp.lan"));
  CHECK(same_registrable_domain("registry.gitlab.com", "gitlab.com"));
  for (const auto& [a, b] :
       std::vector<std::pair<std::string, std::string>>{{"a.co.uk", "b.co.uk"},
                                                        {"a.com.br", "b.com.br"},
                                                        {"me.github.io", "you.github.io"},
                                                        {"one.s3.amazonaws.com", "two.s3.amazonaws.com"},
                                                        {"one.cloudfront.net", "two.cloudfront.net"},
                                                        {"one.azurewebsites.net", "two.azurewebsites.net"},
                                                        {"example.com", "example.org"},
                                                        {"notexample.com", "example.com"},
                                                        {"registry.lan", "auth.lan"},
                                                        {"10.0.0.1", "11.0.0.1"},
                                                        {"10.1.0.1", "10.1.0.1"},
                                                        {"localhost", "localhost"},
                                                        {"com", "com"},
                                                        {"co.uk", "co.uk"}}) {
    INFO(a << " " << b);
    CHECK_FALSE(same_registrable_domain(a, b));
  }
}

}  // namespace
}  // namespace breakwater::proxy
