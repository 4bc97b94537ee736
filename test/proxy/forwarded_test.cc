#include "proxy/http/forwarded.h"

#include <string>
#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

ForwardedFor found_in(const Headers& headers, const std::string& from = "127.0.0.1") {
  const auto trusted = TrustedProxies::parse({"127.0.0.0/8", "fd00::/8"});
  return forwarded_for(headers, *IpAddress::parse(from), *trusted);
}

// The client, and "?" behind it if nobody knows who has asked that proxy.
std::string client_of(const Headers& headers) {
  const auto found = found_in(headers);
  CHECK(found.is_sent_on);
  CHECK_FALSE(found.disagree);
  return found.client.text() + (found.is_told ? "" : "?");
}

std::string by_list(const std::string& value) { return client_of({{"X-Forwarded-For", value}}); }
std::string by_forwarded(const std::string& value) { return client_of({{"Forwarded", value}}); }

TEST_CASE("the client is the right-most address that is no trusted proxy, whatever stands left of it") {
  CHECK(by_list("10.0.0.7") == "10.0.0.7");
  CHECK(by_list("6.6.6.6, 10.0.0.7") == "10.0.0.7");
  CHECK(by_list("6.6.6.6, 10.0.0.7, 127.0.0.9,\tfd00::9") == "10.0.0.7");
  CHECK(by_list("garbage\"; for=1, 10.0.0.7") == "10.0.0.7");
  CHECK(by_list("127.0.0.3, 127.0.0.2") == "127.0.0.3");  // it is a proxy's machine that asks
  CHECK(by_list("::ffff:10.0.0.7") == "10.0.0.7");
  CHECK(by_list("::ffff:127.0.0.2, ::ffff:127.0.0.3") == "127.0.0.2");
  CHECK(by_list("10.0.0.7:1234") == "10.0.0.7");
  CHECK(by_list("[2001:db8::7]:1234") == "2001:db8::7");
  CHECK(by_list("2001:db8::7") == "2001:db8::7");
  CHECK(client_of({{"X-Forwarded-For", "10.0.0.7"}, {"x-forwarded-for", "10.0.0.8"}}) == "10.0.0.8");

  CHECK(by_forwarded("for=10.0.0.7") == "10.0.0.7");
  CHECK(by_forwarded("For=\"10.0.0.7:80\";proto=https;by=10.0.0.1") == "10.0.0.7");
  CHECK(by_forwarded("for=6.6.6.6, for=10.0.0.7;by=_x , proto=http;for=\"[fd00::9]:1\"") == "10.0.0.7");
  CHECK(by_forwarded("for=10.0.0.7;host=\"a,b;for=6.6.6.6\"") == "10.0.0.7");
  CHECK(by_forwarded("for=10.0.0.7;host=\"a\\\", for=6.6.6.6\"") == "10.0.0.7");
  CHECK(client_of({{"Forwarded", "for=6.6.6.6"}, {"Forwarded", "for=10.0.0.7"}}) == "10.0.0.7");
}

TEST_CASE("a quote that a client leaves open swallows nothing of what its proxy says") {
  for (const char* sent : {"for=\"", "for=6.6.6.6;x=\"", "\"\\", "for=\"\\\"", "\"\"\"", ",;=\"a"}) {
    CAPTURE(sent);
    CHECK(by_forwarded(std::string(sent) + ", for=10.0.0.7") == "10.0.0.7");
    CHECK(by_forwarded(std::string(sent) + ", for=\"[2001:db8::7]:80\"") == "2001:db8::7");
    CHECK(by_forwarded(std::string(sent) + ", for=10.0.0.7, for=127.0.0.2") == "10.0.0.7");
  }
}

TEST_CASE("an entry that is no address ends the walk, and the last proxy that was known is the client") {
  for (const char* none : {"", "unknown", "_hidden", "10.0.0", "10.0.0.7.8", "10.0.0.7:port",
                           "10.0.0.7:123456", "[::1", "[10.0.0.7]", "::1%lo", "10.0.0.7 10.0.0.8",
                           "\"10.0.0.7\"", "localhost", "010.0.0.7", "0x7f.1", "10.0.0.7/32"}) {
    CAPTURE(none);
    CHECK(by_list(none) == "127.0.0.1?");
    CHECK(by_list("6.6.6.6, " + std::string(none)) == "127.0.0.1?");
    CHECK(by_list("6.6.6.6, " + std::string(none) + ", 127.0.0.2") == "127.0.0.2?");
  }
  for (const char* none : {"", "for", "for=", "for=unknown", "for=_hidden", "for=\"_hidden\"", "by=10.0.0.7",
                           "for=[fd00::1]", "for=2001:db8::7", "for=\"2001:db8::7\"", "for=10.0.0.7:80",
                           "for=\"10.0.0.\\7\"", "for=10.0.0.7;for=10.0.0.8", "for=10.0.0.7;for=", "10.0.0.7",
                           "for=\"10.0.0.7", "for=10.0.0.7\"", "for = 10.0.0.7", "for=10.0.0.7 10.0.0.8"}) {
    CAPTURE(none);
    CHECK(by_forwarded(none) == "127.0.0.1?");
    CHECK(by_forwarded(std::string(none) + ", for=127.0.0.2").starts_with("127.0.0.2"));
  }
}

TEST_CASE("nobody is told by proxies without end") {
  std::string many = "10.0.0.7";
  for (int i = 0; i < 31; ++i) many += ", 127.0.0.2";
  CHECK(by_list(many) == "10.0.0.7");
  CHECK(by_list(many + ", 127.0.0.2") == "127.0.0.2?");
}

TEST_CASE("two headers that lead to different clients disagree, and the same client is told by both") {
  const auto of = [](const char* list, const char* forwarded) {
    return found_in({{"X-Forwarded-For", list}, {"Forwarded", forwarded}});
  };
  CHECK(of("10.0.0.7", "for=6.6.6.6").disagree);
  CHECK(of("6.6.6.6", "for=10.0.0.7").disagree);
  CHECK(of("10.0.0.7", "").disagree);
  CHECK(of("10.0.0.7", "for=_hidden").disagree);
  CHECK(of("127.0.0.1", "for=_hidden").disagree);  // the same address, of which one of them does not know
  CHECK_FALSE(of("10.0.0.7", "for=10.0.0.7;proto=https").disagree);
  CHECK_FALSE(of("6.6.6.6, 10.0.0.7, 127.0.0.2", "for=10.0.0.7").disagree);
}

TEST_CASE("the scheme is that of the client's own request, or what the first proxy says for all") {
  const auto is_secure = [](const Headers& headers) { return found_in(headers).is_secure; };
  CHECK(is_secure({{"X-Forwarded-Proto", "https"}}));
  CHECK(is_secure({{"X-Forwarded-Proto", "HTTPS"}, {"X-Forwarded-For", "10.0.0.7"}}));
  CHECK_FALSE(is_secure({{"X-Forwarded-Proto", "http"}}));
  CHECK_FALSE(is_secure({{"X-Forwarded-Proto", "https, http"}, {"X-Forwarded-For", "6.6.6.6, 10.0.0.7"}}));
  CHECK(is_secure({{"X-Forwarded-Proto", "https, http"}, {"X-Forwarded-For", "10.0.0.7, 127.0.0.2"}}));
  CHECK(is_secure({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-For", "10.0.0.7, 127.0.0.2"}}));
  CHECK(is_secure({{"Forwarded", "for=10.0.0.7;proto=https, for=127.0.0.2;proto=http"}}));
  CHECK_FALSE(is_secure({{"Forwarded", "proto=https;for=6.6.6.6, for=10.0.0.7;proto=http"}}));
  CHECK_FALSE(is_secure({{"Forwarded", "for=10.0.0.7;proto=http"}, {"X-Forwarded-Proto", "https"}}));
  CHECK_FALSE(is_secure({}));
  CHECK_FALSE(found_in({}).is_sent_on);
  CHECK(found_in({}, "127.0.0.5").client.text() == "127.0.0.5");
}

}  // namespace
}  // namespace breakwater::proxy
