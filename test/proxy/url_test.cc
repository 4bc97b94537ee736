#include "proxy/http/url.h"

#include <map>

#include "proxy/upstream/proxy_choice.h"
#include "test/catch.h"

namespace breakwater::proxy {
namespace {

std::string resolved(const char* base, const char* reference) {
  auto url = Url::parse(base)->resolve(reference);
  return url ? url->text() : "error";
}

TEST_CASE("a URL is kept in one form") {
  auto url = Url::parse("HTTPS://Registry-1.Docker.IO/v2/a?b=c#d");
  REQUIRE(url);
  CHECK(url->text() == "https://registry-1.docker.io/v2/a?b=c");
  CHECK(url->without_query() == "https://registry-1.docker.io/v2/a");
  CHECK(url->endpoint() == Endpoint{"https", "registry-1.docker.io", 443});
  CHECK(Url::parse("http://[::1]:5000/x")->endpoint() == Endpoint{"http", "::1", 5000});
  CHECK(Url::parse("http://[::1]:5000/x")->text() == "http://[::1]:5000/x");
  CHECK(Url::parse("https://h:443/")->text() == "https://h/");
}

TEST_CASE("what is no http address, or holds a password, is refused without quoting its query") {
  for (const char* bad : {"", "/relative", "ftp://h/x", "file:///etc/passwd", "https://user:pw@h/x",
                          "https://h:99999/x", "https://", "http://[::1"}) {
    INFO(bad);
    CHECK_FALSE(Url::parse(bad));
  }
  CHECK(Url::parse("gopher://h/x?secret").error().message.find("secret") == std::string::npos);
  CHECK(Url::parse("https://h:99999/x?secret").error().message.find("secret") == std::string::npos);
}

TEST_CASE("a Location is resolved as browsers do, its signature untouched") {
  CHECK(resolved("https://a/v2/x/blobs/y?q", "/z/w") == "https://a/z/w");
  CHECK(resolved("https://a/v2/x/y", "z?w=1") == "https://a/v2/x/z?w=1");
  CHECK(resolved("https://a/v2/x", "//b/c") == "https://b/c");
  CHECK(resolved("https://a/v2/x", "http://b:81/c") == "http://b:81/c");
  CHECK(resolved("https://a/x", "https://cdn/y?X-Amz-Credential=a%2Fb&X-Amz-Signature=%2B/=&z") ==
        "https://cdn/y?X-Amz-Credential=a%2Fb&X-Amz-Signature=%2B/=&z");
  CHECK(resolved("https://a/x", "ftp://b/") == "error");
}

TEST_CASE("every spelling of a host is the host itself, and what is none is refused") {
  const auto host_of = [](const std::string& authority) {
    const auto url = Url::parse("http://" + authority + "/x");
    return url ? url->host() : "refused";
  };
  for (const char* authority : {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001",
                                "%31%32%37.0.0.1", "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]"}) {
    INFO(authority);
    CHECK(host_of(authority) == "127.0.0.1");
  }
  CHECK(host_of("[0:0::1]") == "::1");
  CHECK(host_of("[FD00::0A]") == "fd00::a");
  CHECK(host_of("GHCR.io.") == "ghcr.io");
  CHECK(host_of("a_b.xn--bcher-kva") == "a_b.xn--bcher-kva");
  for (const char* authority : {"127.0.0.1.",
                                "2130706433.",
                                "256.1.1.1",
                                "4294967296",
                                "1.2.3.4.5",
                                "127.0.0.08",
                                "0x",
                                "h.0x7",
                                "\xef\xbc\x91\x32\x37.0.0.1",
                                "127\xe3\x80\x82\x30.0.1",
                                "b\xc3\xbc\x63her.example",
                                "a..b",
                                ".a",
                                "h|x",
                                "h%00x",
                                "h%0ax",
                                "[fe80::1%25eth0]",
                                "[fe80::1%eth0]",
                                "h:0",
                                "@h",
                                "[zz]",
                                "[::1"}) {
    INFO(authority);
    CHECK(host_of(authority) == "refused");
  }
  CHECK(host_of(std::string(63, 'a') + ".b") != "refused");
  CHECK(host_of(std::string(64, 'a') + ".b") == "refused");
}

TEST_CASE("an endpoint is a scheme, a host and maybe a port, and the error says what to write") {
  CHECK(Endpoint::parse("https://ghcr.io") == Endpoint{"https", "ghcr.io", 443});
  CHECK(Endpoint::parse("https://GHCR.io.:443//") == Endpoint{"https", "ghcr.io", 443});
  CHECK(Endpoint::parse("http://[fd00::1]:5000/") == Endpoint{"http", "fd00::1", 5000});
  CHECK(Endpoint::parse("http://0x7f.1:5000") == Endpoint{"http", "127.0.0.1", 5000});
  for (const char* bad : {"",
                          "ghcr.io",
                          "HTTPS://ghcr.io",
                          "ftp://ghcr.io",
                          "https:/ghcr.io",
                          "https:///ghcr.io",
                          "https://",
                          "https://ghcr.io/v2",
                          "https://ghcr.io?",
                          "https://ghcr.io/?x=1",
                          "https://ghcr.io#x",
                          "https://me@ghcr.io",
                          "https://me:pw@ghcr.io",
                          "https://ghcr.io:99999",
                          "https://ghcr.io:0",
                          "https://ghcr.io:-1",
                          "https://ghcr.io:https",
                          "https://ghcr.io:4 43",
                          "https://:443",
                          "https://[::1",
                          "https://::1",
                          "https://[::1]x",
                          "https://[fe80::1%25eth0]",
                          "https://a b",
                          " https://ghcr.io",
                          "https://ghcr.io ",
                          "https://a..b",
                          "https://b\xc3\xbc\x63her.example",
                          "https://*.gcr.io",
                          "https://300.1.1.1",
                          "https://ghcr.io\\x"}) {
    INFO(bad);
    const auto endpoint = Endpoint::parse(bad);
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().kind == Error::Kind::invalid);
    CHECK(endpoint.error().message.find("such as \"https://ghcr.io\"") != std::string::npos);
    CHECK(endpoint.error().message.find("pw") == std::string::npos);
  }
}

std::string proxy_of(std::map<std::string, std::string> environment, Endpoint endpoint) {
  ProxyChoice choice([&](const char* name) {
    return environment.contains(name) ? std::optional(environment[name]) : std::nullopt;
  });
  return choice.proxy_for(endpoint);
}

TEST_CASE("the proxy comes from the environment, upper-case HTTP_PROXY too") {
  Endpoint secure{"https", "ghcr.io", 443};
  Endpoint plain{"http", "registry.lan", 5000};
  CHECK(proxy_of({}, secure) == "");
  CHECK(proxy_of({{"HTTPS_PROXY", "http://p:3128"}}, secure) == "http://p:3128");
  CHECK(proxy_of({{"HTTPS_PROXY", "http://p:3128"}, {"https_proxy", "http://q:1"}}, secure) == "http://q:1");
  CHECK(proxy_of({{"HTTPS_PROXY", "http://p:3128"}}, plain) == "");
  CHECK(proxy_of({{"HTTP_PROXY", "http://p:3128"}}, plain) == "http://p:3128");
  CHECK(proxy_of({{"ALL_PROXY", "http://p:3128"}}, secure) == "http://p:3128");
}

TEST_CASE("NO_PROXY excepts names, what is below them, addresses and networks") {
  auto through = [](const char* exceptions, Endpoint endpoint) {
    return proxy_of({{"ALL_PROXY", "http://p:1"}, {"NO_PROXY", exceptions}}, std::move(endpoint)) != "";
  };
  CHECK_FALSE(through("*", Endpoint{"https", "ghcr.io", 443}));
  CHECK_FALSE(through("quay.io, GHCR.io", Endpoint{"https", "ghcr.io", 443}));
  CHECK_FALSE(through(".example.com", Endpoint{"https", "a.example.com", 443}));
  CHECK_FALSE(through("example.com", Endpoint{"https", "a.example.com", 443}));
  CHECK(through("example.com", Endpoint{"https", "notexample.com", 443}));
  CHECK_FALSE(through("10.0.0.0/8", Endpoint{"http", "10.1.2.3", 80}));
  CHECK(through("10.0.0.0/8", Endpoint{"http", "11.1.2.3", 80}));
  CHECK(through("10.0.0.0/99", Endpoint{"http", "10.1.2.3", 80}));
  CHECK_FALSE(through("registry.lan:5000", Endpoint{"http", "registry.lan", 5000}));
  CHECK(through("registry.lan:5000", Endpoint{"http", "registry.lan", 80}));
  CHECK(through("", Endpoint{"https", "ghcr.io", 443}));
}

}  // namespace
}  // namespace breakwater::proxy
