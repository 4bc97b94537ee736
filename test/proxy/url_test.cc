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

TEST_CASE("private addresses are known in every spelling") {
  for (const char* host : {"127.0.0.1",
                           "127.9.9.9",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "0.0.0.0",
                           "100.64.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "fe80::1",
                           "fe80::1%eth0",
                           "fd00::1",
                           "fc12::",
                           "ff02::1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1"}) {
    INFO(host);
    CHECK(is_private_address(host));
  }
  for (const char* host : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2001:db8::1",
                           "::ffff:8.8.8.8", "example.com", "localhost", ""}) {
    INFO(host);
    CHECK_FALSE(is_private_address(host));
  }
  CHECK(names_private_network("localhost"));
  CHECK(names_private_network("a.localhost."));
  CHECK_FALSE(names_private_network("localhost.example.com"));
}

TEST_CASE("one owner stands behind names with the same registrable domain") {
  CHECK(same_registrable_domain("registry.example.com", "auth.example.com"));
  CHECK(same_registrable_domain("example.com", "auth.Example.com"));
  CHECK(same_registrable_domain("a.b.co.uk", "c.b.co.uk"));
  CHECK_FALSE(same_registrable_domain("a.co.uk", "b.co.uk"));
  CHECK_FALSE(same_registrable_domain("example.com", "example.org"));
  CHECK_FALSE(same_registrable_domain("notexample.com", "example.com"));
  CHECK_FALSE(same_registrable_domain("10.0.0.1", "11.0.0.1"));
  CHECK_FALSE(same_registrable_domain("10.1.0.1", "10.2.0.1"));
  CHECK_FALSE(same_registrable_domain("localhost", "localhost"));
  CHECK_FALSE(same_registrable_domain("com", "com"));
}

TEST_CASE("lists name hosts with a port or without") {
  Endpoint endpoint{"https", "auth.internal", 8443};
  CHECK(is_listed({"x", "auth.internal"}, endpoint));
  CHECK(is_listed({"Auth.Internal:8443"}, endpoint));
  CHECK_FALSE(is_listed({"auth.internal:443", "internal"}, endpoint));
  CHECK(is_listed({"[::1]:80"}, Endpoint{"http", "::1", 80}));
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
