#include "conf/config.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "conf/describe.h"
#include "conf/part_settings.h"
#include "test/catch.h"
#include "test/conf/made_config.h"
#include "test/fakes/certificate_files.h"
#include "test/fakes/store_world.h"

using namespace breakwater::conf;

TEST_CASE("a listener may speak TLS, with a certificate and a key that fit") {
  breakwater::test::CertificateFiles files;
  files.make("server");
  files.make("other");
  const auto tls = [&files](const std::string& key) {
    return R"(, "tls": {"certificate": ")" + files.certificate("server") + R"(", "key": ")" + files.key(key) +
           R"(", "client_ca": ")" + files.certificate("other") + R"("})";
  };
  const auto config = parse_config(config_with("", tls("server")));
  REQUIRE(config);
  const breakwater::proxy::TlsSettings expected{files.certificate("server"), files.key("server"),
                                                files.certificate("other")};
  CHECK(config->routes[0].tls == expected);
  CHECK_FALSE(parse_config(config_with(""))->routes[0].tls);
  const auto errors = errors_of(config_with("", tls("other")));
  CHECK(has_line(errors, "routes[0].tls.certificate: " + files.key("other") + " is not the key of"));
}

TEST_CASE("trusted proxies are networks, and each listener may ask them for the PROXY protocol") {
  const std::string beside = R"(, "trusted_proxies": ["127.0.0.0/8", "fd00::7"],
      "metrics": {"listen": ["127.0.0.1:1"], "proxy_protocol": true},
      "admin": {"listen": ["127.0.0.1:2"], "proxy_protocol": true})";
  const auto config = parse_config(config_with("", R"(, "proxy_protocol": true)", beside));
  REQUIRE(config);
  const auto& proxies = config->server.trusted_proxies;
  using breakwater::proxy::IpAddress;
  CHECK(proxies.contains(*IpAddress::parse("127.0.0.9")));
  CHECK(proxies.contains(*IpAddress::parse("fd00::7")));
  CHECK_FALSE(proxies.contains(*IpAddress::parse("fd00::8")));
  CHECK(config->routes[0].proxy_protocol);
  CHECK(config->metrics.proxy_protocol);
  CHECK(config->admin.proxy_protocol);
  CHECK(describe(*config).find("proxies that say who asks: 127.0.0.0/8, fd00::7\n") != std::string::npos);
  CHECK(describe(*config).find("behind the PROXY protocol") != std::string::npos);
  const auto plain = parse_config(config_with(""));
  CHECK(plain->server.trusted_proxies.empty());
  CHECK_FALSE(plain->routes[0].proxy_protocol);
}

TEST_CASE("the PROXY protocol without anybody who may speak it is a mistake") {
  const std::string beside = R"(, "metrics": {"listen": ["127.0.0.1:1"], "proxy_protocol": true},
      "admin": {"listen": ["127.0.0.1:2"], "proxy_protocol": true})";
  for (const std::string none : {"", R"(, "trusted_proxies": [])"}) {
    const auto errors = errors_of(config_with("", R"(, "proxy_protocol": true)", beside + none));
    REQUIRE(errors.size() == 3);
    CHECK(has_line(errors, "routes[0].proxy_protocol: says who has connected"));
    CHECK(has_line(errors, "metrics.proxy_protocol: "));
    CHECK(has_line(errors, "admin.proxy_protocol: "));
    CHECK(errors[0].find("trusted_proxies") != std::string::npos);
  }
}

TEST_CASE("comments are allowed, and what is not said has its default") {
  auto config = parse_config("// what\n" + config_with(R"(, "fresh": "0" /* always ask */)"));
  REQUIRE(config);
  REQUIRE(config->routes.size() == 1);
  const auto& route = config->routes[0];
  REQUIRE(route.mirror);
  CHECK(route.name == "one");
  CHECK(route.mirror->upstreams[0].upstream.text() == "https://one.example");
  CHECK(route.mirror->freshness.fresh_ms == 0);
  CHECK(route.mirror->freshness.stale_ms == 30LL * 24 * 3600 * 1000);
  CHECK(!route.bytes_max);
  CHECK(!config->bytes_max);
  CHECK(config->buffer_bytes_max == 128ULL << 20);
  CHECK(config->workers == 2);
}

TEST_CASE("every key reaches the setting that it names") {
  auto config = parse_config(config_with(
      R"(, "fresh": "5s", "stale": "1h", "stale_when_missing": "2h", "missing": "7s", "token_realms": ["auth.example"], "allow_private": ["cdn.example:81"])",
      R"(, "bytes_max": "1GiB", "allow": ["10.0.20.0/24"])",
      R"(, "data": "/kept", "bytes_max": "2GiB", "buffer_bytes_max": "64MiB", "workers": 3, "fills_max": 9, "drain_timeout": "4s",
          "metrics": {"listen": "127.0.0.1:5001"},
          "server": {"connections_max": 10, "header_bytes_max": "4KiB", "target_bytes_max": "2KiB",
                      "drain_bytes_max": "1MiB", "idle_timeout": "1s",
                     "header_timeout": "2s", "body_timeout": "3s", "write_timeout": "4s",
                     "body_rate_min": "3KiB", "body_rate_time": "20s"},
          "upstream": {"connect_timeout": "6s", "stall_timeout": "8s", "connections_per_host_max": 10},
          "scrub": {"bytes_per_second": "1MiB", "pause": "9s"},
          "log": {"level": "debug", "format": "json"})"));
  REQUIRE(config);
  const auto& mirror = *config->routes[0].mirror;
  CHECK(mirror.freshness.fresh_ms == 5'000);
  CHECK(mirror.freshness.stale_ms == 3'600'000);
  CHECK(mirror.freshness.missing_stale_ms == 7'200'000);
  CHECK(mirror.freshness.missing_fresh_ms == 7'000);
  REQUIRE(mirror.upstreams[0].token_realms.size() == 1);
  CHECK(mirror.upstreams[0].token_realms[0].text() == "auth.example");
  REQUIRE(mirror.upstreams[0].allow_private.size() == 1);
  CHECK(mirror.upstreams[0].allow_private[0].text() == "cdn.example:81");
  CHECK(config->routes[0].bytes_max == 1ULL << 30);
  CHECK(config->routes[0].allow.text() == std::vector<std::string>{"10.0.20.0/24"});
  CHECK(config->data == "/kept");
  CHECK(config->bytes_max == 2ULL << 30);
  CHECK(config->buffer_bytes_max == 64ULL << 20);
  CHECK(config->workers == 3);
  CHECK(config->fills.fills_max == 9);
  CHECK(config->drain_timeout_ms == 4'000);
  REQUIRE(config->metrics.listen.size() == 1);
  CHECK(config->metrics.listen.front().text() == "127.0.0.1:5001");
  CHECK(config->server.connections_max == 10);
  CHECK(config->server.header_bytes_max == 4096);
  CHECK(config->server.target_bytes_max == 2048);
  CHECK(config->server.drain_bytes_max == 1 << 20);
  CHECK(config->server.idle_timeout_ms == 1'000);
  CHECK(config->server.header_timeout_ms == 2'000);
  CHECK(config->server.body_timeout_ms == 3'000);
  CHECK(config->server.write_timeout_ms == 4'000);
  CHECK(config->server.body_rate_min_bytes == 3072);
  CHECK(config->server.body_rate_time_ms == 20'000);
  CHECK(config->http_client.connect_timeout_ms == 6'000);
  CHECK(config->http_client.stall_timeout_ms == 8'000);
  CHECK(config->http_client.connections_per_host_max == 10);
  CHECK(config->scrub.bytes_per_second == 1 << 20);
  CHECK(config->scrub.pause_ms == 9'000);
  CHECK(config->log.level == breakwater::store::Log::Level::debug);
  CHECK(config->log.format == breakwater::store::Log::Format::json);
}

TEST_CASE("names of this machine are read, and that they are held to is said by naming none too") {
  CHECK_FALSE(parse_config(config_with(""))->hosts);
  const auto none = parse_config(config_with("", "", R"(, "hosts": [])"));
  REQUIRE(none);
  REQUIRE(none->hosts);
  CHECK(none->hosts->empty());
  const auto some = parse_config(config_with("", "", R"(, "hosts": ["breakwater.internal", "*.svc:5050"])"));
  REQUIRE(some);
  REQUIRE(some->hosts);
  CHECK(some->hosts->at(1).text() == "*.svc:5050");
  const auto bad = parse_config(config_with("", "", R"(, "hosts": ["http://breakwater.internal"])"));
  REQUIRE_FALSE(bad);
  CHECK(bad.error().lines[0].starts_with("hosts: 'http://breakwater.internal' is a URL and no host"));
}

TEST_CASE("no new data folder is made inside of another, and what is there may be used") {
  const breakwater::test::Folder folder;
  const auto data = folder.path() / "breakwater";
  CHECK(check_data(data));
  std::filesystem::create_directories(data / "catalog");
  CHECK(check_data(data / "data"));
  std::ofstream(data / "format") << "version 1\n";
  CHECK(check_data(data));
  CHECK_FALSE(check_data(data / "data"));
  CHECK_FALSE(check_data(data / "blobs/../a/b"));
  CHECK(check_data(data / ".." / "beside"));
  std::filesystem::create_directories(data / "backups/monday");
  CHECK(check_data(data / "backups/monday"));
}

TEST_CASE("a registry of our own says who may push, and how long things stay") {
  auto config = parse_config(registry_with(
      R"("delete": false, "lease": "30m", "upload_expiry": "24h", "uploads_max": 9, "cache_tags": ["*cache*", "pr-*"])",
      R"(, "bytes_max": "100GiB", "allow_push": ["10.0.20.0/24"])"));
  REQUIRE(config);
  const auto& route = config->routes[0];
  CHECK_FALSE(route.mirror);
  REQUIRE(route.registry);
  CHECK_FALSE(route.registry->removal);
  CHECK(route.registry->lease_ms == 1'800'000);
  CHECK(route.registry->upload_expiry_ms == 86'400'000);
  CHECK(route.registry->uploads_max == 9);
  CHECK(route.registry->policy.cache_tags == std::vector<std::string>{"*cache*", "pr-*"});
  CHECK(route.registry->allow_push.text() == std::vector<std::string>{"10.0.20.0/24"});
  CHECK(route.bytes_max == 100ULL << 30);

  config = parse_config(registry_with(""));
  REQUIRE(config);
  const auto& registry = *config->routes[0].registry;
  CHECK(registry.removal);
  CHECK(registry.lease_ms == 3'600'000);
  CHECK(registry.upload_expiry_ms == 168LL * 3'600'000);
  CHECK(registry.uploads_max == 4096);
  CHECK(registry.policy.cache_tags == std::vector<std::string>{"*cache*"});
  CHECK(registry.allow_push.text() == breakwater::routes::Networks::internal().text());
}

TEST_CASE(
    "a registry's policy holds for all repositories, and entries of its own for some, with what they do not "
    "say taken from it") {
  auto config = parse_config(registry_with(
      R"("protect": "latest", "immutable": "v*", "untagged_after": "2h", "retention": [{"repositories": ["ci/*"], "keep_last": 50, "keep_for": "720h", "cache_tags": []}])"));
  REQUIRE(config);
  const auto& registry = *config->routes[0].registry;
  CHECK_FALSE(registry.policy.keep_last);
  CHECK(registry.policy.protect == std::vector<std::string>{"latest"});
  REQUIRE(registry.retention.size() == 1);
  const auto& policy = registry.retention[0];
  CHECK(policy.repositories == std::vector<std::string>{"ci/*"});
  CHECK(policy.keep_last == 50U);
  CHECK(policy.keep_for == std::chrono::hours(720));
  CHECK(policy.untagged_after == std::chrono::hours(2));
  CHECK(policy.protect == std::vector<std::string>{"latest"});
  CHECK(policy.immutable == std::vector<std::string>{"v*"});
  CHECK(policy.cache_tags.empty());
}

TEST_CASE("a route may be allowed more than the whole store, which bounds it then") {
  CHECK(parse_config(config_with("", R"(, "bytes_max": "2GiB")", R"(, "bytes_max": "1GiB")")));
}

TEST_CASE("each mistake is one line that begins with the path of its key") {
  check_mistakes({
      {config_with("", "", R"(, "colour": 1)"), "colour: unknown key"},
      {config_with(R"(, "frsh": "1s")"), "routes[0].mirror.frsh: unknown key"},
      {config_with("", R"(, "registry": {})"),
       "routes[0].registry: a route is a mirror, a registry or any, and this is a mirror"},
      {config_with("", R"(, "allow_push": ["10.0.0.0/8"])"), "routes[0].allow_push: belongs to a registry"},
      {registry_with("", R"(, "allow_push": ["10.0.0.0/99"])"), "routes[0].allow_push: "},
      {registry_with(R"("delete": "yes")"), "routes[0].registry.delete: must be true or false"},
      {registry_with(R"("lease": "soon")"), "routes[0].registry.lease: expected a time"},
      {registry_with(R"("lease": "0")"), "routes[0].registry.lease: must be at least 1s"},
      {registry_with(R"("upload_expiry": "1ms")"), "routes[0].registry.upload_expiry: must be at least 1s"},
      {registry_with(R"("cache_tags": ["*cache*", "a/b"])"),
       "routes[0].registry.cache_tags: expected the characters of tags and *"},
      {registry_with(R"("protect": ["a/b"])"),
       "routes[0].registry.protect: expected the characters of tags and *"},
      {registry_with(R"("immutable": ["a/b"])"),
       "routes[0].registry.immutable: expected the characters of tags and *"},
      {registry_with(R"("retention": [{"keep_last": 3}])"),
       "routes[0].registry.retention[0].repositories: is missing"},
      {registry_with(R"("retention": [{"repositories": ["CI"]}])"),
       "routes[0].registry.retention[0].repositories: expected the characters of repositories' names"},
      {registry_with(R"("retention": [{"repositories": "*", "keep": 3}])"),
       "routes[0].registry.retention[0].keep: unknown key"},
      {registry_with(R"("cache_tags": [1])"), "routes[0].registry.cache_tags: must be an array of strings"},
      {registry_with(R"("keep": 3)"), "routes[0].registry.keep: unknown key"},
      {config_with("", "", R"(, "bytes_max": "55 bananas")"), "bytes_max: expected a size"},
      {config_with("", "", R"(, "bytes_max": 55)"), "bytes_max: must be a size in quotes"},
      {config_with("", R"(, "bytes_max": "1KiB")"), "routes[0].bytes_max: must be at least 1MiB"},
      {config_with(R"(, "fresh": "soon")"), "routes[0].mirror.fresh: expected a time"},
      {config_with(R"(, "fresh": 60)"), "routes[0].mirror.fresh: must be a time in quotes"},
      {config_with(R"(, "username": "me")"),
       "routes[0].mirror.username: needs password_file or password_env"},
      {config_with(R"(, "username": "me", "password": "x")"),
       "routes[0].mirror.password: secrets do not belong here"},
      {config_with(R"(, "username": "me", "password_file": "/nowhere/secret")"),
       "routes[0].mirror.password_file: cannot read a secret from /nowhere/secret"},
      {config_with(R"(, "username": "me", "password_env": "BREAKWATER_NO_SUCH")"),
       "routes[0].mirror.password_env: the environment has no BREAKWATER_NO_SUCH"},
      {config_with(R"(, "password_file": "/nowhere/secret")"), "routes[0].mirror.username: is missing"},
      {config_with("", R"(, "allow": ["10.0.0.0/99"])"), "routes[0].allow: "},
      {config_with("", "", R"(, "workers": 0)"), "workers: must be a whole number from 1 to 64"},
      {config_with("", "", R"(, "workers": -1)"), "workers: must be a whole number"},
      {config_with("", "", R"(, "workers": 1.5)"), "workers: must be a whole number"},
      {config_with("", "", R"(, "scrub": {"bytes_per_second": "fast"})"),
       "scrub.bytes_per_second: expected a size"},
      {config_with("", "", R"(, "scrub": {"pause": "0"})"), "scrub.pause: must be at least 100ms"},
      {config_with("", "", R"(, "log": {"level": "loud"})"), "log.level: must be debug"},
      {config_with("", "", R"(, "log": {"format": "xml"})"), "log.format: must be text or json"},
      {config_with("", "", R"(, "log": "loud")"), "log: must be an object"},
      {config_with("", "", R"(, "metrics": {})"), "metrics.listen: is missing"},
      {config_with("", "", R"(, "trusted_proxies": ["proxy.lan"])"), "trusted_proxies: 'proxy.lan' is no IP"},
      {config_with("", "", R"(, "trusted_proxies": ["10.0.0.7/8"])"),
       "trusted_proxies: '10.0.0.7/8' has bits"},
      {config_with("", R"(, "proxy_protocol": "v2")"), "routes[0].proxy_protocol: must be"},
      {config_with("", R"(, "tls": {"key": "/nowhere/a.key"})"), "routes[0].tls.certificate: is missing"},
      {config_with("", R"(, "tls": {"certificate": "/nowhere/a.pem", "key": "/nowhere/a.key"})"),
       "routes[0].tls.certificate: /nowhere/a.pem cannot be read: No such file or directory"},
      {config_with("", "",
                   R"(, "admin": {"listen": ["127.0.0.1:1"], "tls": {"certificate": "/", "key": "/"}})"),
       "admin.tls.certificate: / is no file"},
      {config_with("", "", R"(, "metrics": {"listen": ["127.0.0.1:5000"]})"),
       "metrics.listen: address \"127.0.0.1:5000\" is taken by routes[0].listen"},
      {config_with("", "", R"(, "metrics": {"listen": ["0.0.0.0:5000"]})"),
       "metrics.listen: address \"0.0.0.0:5000\" is taken by routes[0].listen (\"127.0.0.1:5000\")"},
      {config_with("", "", R"(, "upstream": {"ca_file": "/nowhere/ca.pem"})"),
       "upstream.ca_file: /nowhere/ca.pem cannot be read"},
      {config_with("", "", R"(, "upstream": {"ca_file": "/"})"), "upstream.ca_file: / cannot be read"},
      {config_with("", "", R"(, "upstream": {"ca_file": "/etc/passwd"})"),
       "upstream.ca_file: /etc/passwd holds no certificate"},
      {config_with("", "", R"(, "upstream": {"connect_timeout": "30d"})"),
       "upstream.connect_timeout: must be at most 1d"},
      {config_with("", "", R"(, "upstream": {"stall_timeout": "1ms"})"),
       "upstream.stall_timeout: must be at least 100ms"},
      {config_with("", "", R"(, "server": {"header_timeout": "0"})"),
       "server.header_timeout: must be at least 100ms"},
      {config_with("", "", R"(, "server": {"idle_timeout": "-5s"})"), "server.idle_timeout: expected a time"},
      {config_with("", "", R"(, "drain_timeout": "100000000d")"), "drain_timeout: too large"},
      {config_with("", "", R"(, "drain_timeout": "2d")"), "drain_timeout: must be at most 1d"},
      {config_with("", "", R"(, "server": {"header_bytes_max": "5GiB"})"),
       "server.header_bytes_max: must be at most 1MiB"},
      {config_with("", "", R"(, "server": {"target_bytes_max": "2MiB"})"),
       "server.target_bytes_max: must be at most 1MiB"},
      {config_with("", "", R"(, "bytes_max": "9000000TiB")"), "bytes_max: too large"},
      {config_with("", "", R"(, "bytes_max": "99999999999999999999B")"), "bytes_max: expected a size"},
      {config_with("", "", R"(, "data": "")"), "data: must not be empty"},
      {config_with("", "", R"(, "data": "/etc/passwd")"), "data: /etc/passwd is there and is no folder"},
      {config_with("", "", R"(, "data": "/tmp/a\u0000b")"), "data: must not hold control characters"},
      {config_with("", R"(, "allow": ["10.0.0.0/33"])"),
       "routes[0].allow: '10.0.0.0/33' has no valid prefix"},
      {config_with("", R"(, "allow": ["10.0.0.1/8"])"), "routes[0].allow: '10.0.0.1/8' has bits set"},
      {config_with("", R"(, "allow": ["10.0.0.0/8\n"])"), "routes[0].allow: must not hold control"},
      {config_with(R"(, "token_realms": ["https://auth.example"])"),
       "routes[0].mirror.token_realms: 'https://auth.example' is a URL and no host"},
      {config_with(R"(, "token_realms": "auth.example:0")"),
       "routes[0].mirror.token_realms: 'auth.example:0'"},
      {config_with(R"(, "allow_private": ["10.0.0.1/33"])"), "routes[0].mirror.allow_private: '10.0.0.1/33'"},
      {config_with(R"(, "allow_private": ["*"])"), "routes[0].mirror.allow_private: '*' names no host"},
      {config_with(R"(, "username": "me:you", "password_env": "PATH")"),
       "routes[0].mirror.username: must not hold a colon"},
      {config_with(R"(, "username": "me", "password_file": "/")"),
       "routes[0].mirror.password_file: cannot read a secret from /"},
      {config_with(R"(, "fresh": "1s", "fresh": "2s")"), "routes[0].mirror.fresh: is there twice"},
      {config_with("", "", R"(, "routes": [])"), "routes: is there twice"},
      {registry_with(R"("retention": [{"repositories": []}])"),
       "routes[0].registry.retention[0].repositories: must name at least one"},
      {R"({"routes": [7]})", "routes[0]: must be an object"},
      {R"({"routes": []})", "routes: must hold at least one"},
      {R"({"routes": {}})", "routes: must be an array"},
      {R"({})", "routes: is missing"},
      {R"([])", "the configuration: must be an object"},
      {R"({"routes": )", "the configuration is no JSON: "},
      {"{\"routes\": [{" + kRoute + "}]}", "routes[0].mirror: is missing"},
      {R"({"routes": [{"listen": ["127.0.0.1:1"], "mirror": {)" + kMirror + "}}]}",
       "routes[0].name: is missing"},
      {R"({"routes": [{"name": "a b", "listen": ["127.0.0.1:1"], "mirror": {)" + kMirror + "}}]}",
       "routes[0].name: may have lower-case letters"},
      {R"({"routes": [{)" + kRoute + R"(, "mirror": {"registry": "x", "upstream": "one.example"}}]})",
       "routes[0].mirror.upstream: must begin with https://"},
      {R"({"routes": [{)" + kRoute + R"(, "mirror": {"registry": "x", "upstream": "ftp://one.example"}}]})",
       "routes[0].mirror.upstream: must begin with"},
      {R"({"routes": [{)" + kRoute +
           R"(, "mirror": {"registry": "x", "upstream": "https://one.example/v2"}}]})",
       "routes[0].mirror.upstream: must be a scheme and a host"},
      {R"({"routes": [{)" + kRoute +
           R"(, "mirror": {"registry": "x", "upstream": "https://me:x@one.example"}}]})",
       "routes[0].mirror.upstream: must be"},
  });
}

TEST_CASE("an upstream is what can be asked, and each error says what to write") {
  const auto with_upstream = [](const std::string& upstream) {
    return R"({"routes": [{)" + kRoute + R"(, "mirror": {"registry": "x", "upstream": ")" + upstream +
           "\"}}]}";
  };
  for (const std::string upstream :
       {"https://ghcr.io:99999", "https://[::1", "http://host:0", "https://", "https://a b",
        "https://ghcr.io/v2", "https://ghcr.io?x", "https://me@ghcr.io", "https://b\xc3\xbc\x63her.example",
        "https://a..b", "https://[fe80::1%25eth0]", "https://*.gcr.io", "https://10.0.0.256"}) {
    INFO(upstream);
    const auto lines = errors_of(with_upstream(upstream));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("routes[0].mirror.upstream: "));
    CHECK(lines[0].ends_with("such as \"https://ghcr.io\""));
  }
  const auto config = parse_config(with_upstream("https://GHCR.io.:443/"));
  REQUIRE(config);
  CHECK(config->routes[0].mirror->upstreams[0].upstream.text() == "https://ghcr.io");
}

std::string mirror_of(const std::string& upstream, const std::string& in_mirror = "") {
  return R"({"routes": [{)" + kRoute + R"(, "mirror": {"registry": "x", "upstream": )" + upstream +
         in_mirror + "}}]}";
}

TEST_CASE("a mirror may have several upstreams, each with its own credentials") {
  const SecretFile file("s3cret");
  const auto config = parse_config(mirror_of(
      R"(["https://harbor.lan", {"url": "https://one.example", "username": "me", "password_file": ")" +
      file.path() +
      R"(", "token_realms": "auth.example", "allow_private": "10.0.0.0/8"}, "http://last:5000"])"));
  REQUIRE(config);
  const auto& upstreams = config->routes[0].mirror->upstreams;
  REQUIRE(upstreams.size() == 3);
  CHECK(upstreams[0].upstream.text() == "https://harbor.lan");
  CHECK(upstreams[1].upstream.text() == "https://one.example");
  CHECK(upstreams[2].upstream.text() == "http://last:5000");
  for (const auto& upstream : upstreams) CHECK(upstream.name == "one");
  REQUIRE(upstreams[1].credentials);
  CHECK(upstreams[1].credentials->password == "s3cret");
  CHECK(upstreams[1].token_realms.size() == 1);
  CHECK(upstreams[1].allow_private.size() == 1);
  for (const size_t other : {size_t(0), size_t(2)}) {
    CHECK_FALSE(upstreams[other].credentials);
    CHECK(upstreams[other].token_realms.empty());
    CHECK(upstreams[other].allow_private.empty());
  }
  CHECK(describe(*config).find("mirror of x at https://harbor.lan, then https://one.example as me, then "
                               "http://last:5000") != std::string::npos);
}

TEST_CASE("a mistake in a list of upstreams is named by its place") {
  const std::string two = R"(["https://a.example", "https://b.example"])";
  const std::vector<std::pair<std::string, std::string>> kMistakes = {
      {mirror_of("[]"), ": must hold at least one"},
      {mirror_of(
           R"(["https://r1", "https://r2", "https://r3", "https://r4", "https://r5", "https://r6", "https://r7",
                     "https://r8", "https://r9"])"),
       ": must hold at most 8"},
      {mirror_of("7"), ": must be a string, or an array of strings and objects"},
      {mirror_of(R"({"url": "https://a"})"), ": must be a string, or an array of strings and objects"},
      {mirror_of(R"(["https://a", 7])"), "[1]: must be a string or an object"},
      {mirror_of(R"(["https://a", ""])"), "[1]: must not be empty"},
      {mirror_of(R"(["https://a", "b"])"), "[1]: must begin with"},
      {mirror_of("[\"https://a\", \"https://b\\n\"]"), "[1]: must not hold control characters"},
      {mirror_of(R"([{"url": "https://a"}, {"url": "b"}])"), "[1].url: must begin with"},
      {mirror_of(R"(["https://a", {}])"), "[1].url: is missing"},
      {mirror_of(R"(["https://a", {"url": 7}])"), "[1].url: must be a string"},
      {mirror_of(R"(["https://a", {"url": "https://b", "fresh": "1s"}])"), "[1].fresh: unknown key"},
      {mirror_of(R"(["https://a", {"url": "https://b", "username": "me"}])"),
       "[1].username: needs password_file or password_env"},
      {mirror_of(R"(["https://a", {"url": "https://b", "username": "me", "password": "x"}])"),
       "[1].password: secrets do not belong here"},
      {mirror_of(R"(["https://a", {"url": "https://b", "allow_private": "*"}])"), "[1].allow_private: "},
      {mirror_of(R"(["https://a", "https://A:443/"])"), "[1]: is there twice: https://a"},
      {mirror_of(R"(["https://a", {"url": "https://a"}])"), "[1].url: is there twice: https://a"},
  };
  for (const auto& [json, beginning] : kMistakes) {
    INFO(json);
    const auto lines = errors_of(json);
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(lines[0].starts_with("routes[0].mirror.upstream" + beginning));
  }
  for (const std::string key :
       {"username", "password_file", "password_env", "token_realms", "allow_private"}) {
    CHECK(errors_of(mirror_of(two, ", \"" + key + R"(": "x")")) ==
          std::vector<std::string>{"routes[0].mirror." + key +
                                   ": belongs into the list of upstreams, beside the \"url\" of the one that "
                                   "it is for"});
  }
}

TEST_CASE("a mirror of any registry may have several upstreams for one of them") {
  const auto config = parse_config("{\"routes\": [{" + kRoute + R"(, "any": {"registries": "*.gcr.io",
      "upstreams": {"eu.gcr.io": ["https://harbor.lan", "https://eu.gcr.io"]}}}]})");
  REQUIRE(config);
  const auto& any = *config->routes[0].any;
  const auto named = any_upstream_settings("any", any, "eu.gcr.io");
  REQUIRE(named.size() == 2);
  CHECK(named[0].upstream.text() == "https://harbor.lan");
  CHECK(named[1].upstream.text() == "https://eu.gcr.io");
  CHECK(named[1].upstream_may_be_private);
  CHECK(describe(*config).find("eu.gcr.io at https://harbor.lan, then https://eu.gcr.io") !=
        std::string::npos);
  const auto other = any_upstream_settings("any", any, "us.gcr.io");
  REQUIRE(other.size() == 1);
  CHECK(other[0].upstream.text() == "https://us.gcr.io");
  CHECK_FALSE(other[0].upstream_may_be_private);
}

TEST_CASE("a mirror's registry is the name that clients know, whatever its spelling") {
  const auto registry_of = [](const std::string& name) {
    const auto config = parse_config(R"({"routes": [{)" + kRoute + R"(, "mirror": {"registry": ")" + name +
                                     R"(", "upstream": "https://one.example"}}]})");
    return config ? config->routes[0].mirror->registry : config.error().lines[0];
  };
  CHECK(registry_of("Docker.IO") == "docker.io");
  CHECK(registry_of("registry-1.docker.io:443") == "docker.io");
  CHECK(registry_of("registry.lan:5000") == "registry.lan:5000");
  for (const std::string name :
       {"https://ghcr.io", "ghcr.io/", "ghcr.io/v2", "a b", "ghcr.io:0", "*.gcr.io"}) {
    INFO(name);
    CHECK(registry_of(name).starts_with("routes[0].mirror.registry: expected the name"));
  }
}

std::string listening_on(const std::string& addresses) {
  return R"({"routes": [{"name": "one", "listen": [)" + addresses + R"(], "mirror": {)" + kMirror + "}}]}";
}

std::string any_with(const std::string& in_any) {
  return "{\"routes\": [{" + kRoute + R"(, "any": {)" + in_any + "}}]}";
}

TEST_CASE("a mirror of any registry has a list of them, and upstreams for some") {
  const auto config = parse_config(any_with(
      R"("registries": ["gcr.io", "*.gcr.io", "registry-1.docker.io"], "upstreams": {"EU.gcr.io:443": "http://10.0.0.1:5000"})"));
  REQUIRE(config);
  const auto& route = config->routes[0];
  REQUIRE(route.any);
  CHECK_FALSE(route.mirror);
  CHECK_FALSE(route.registry);
  REQUIRE(route.any->registries.size() == 3);
  CHECK(route.any->registries[1].text() == "*.gcr.io");
  CHECK(route.any->registries[2].text() == "docker.io");
  REQUIRE(route.any->upstreams.size() == 1);
  REQUIRE(route.any->upstreams.at("eu.gcr.io").size() == 1);
  CHECK(route.any->upstreams.at("eu.gcr.io")[0].text() == "http://10.0.0.1:5000");
  CHECK(parse_config(any_with(R"("registries": "gcr.io")")));

  const std::vector<std::pair<std::string, std::string>> kMistakes = {
      {"", "any.registries: is missing"},
      {R"("registries": [])", "any.registries: must name at least one"},
      {R"("registries": ["*"])", "any.registries: '*' names no host"},
      {R"("registries": ["https://gcr.io"])", "any.registries: 'https://gcr.io' is a URL"},
      {R"("registries": ["10.0.0.0/8"])", "any.registries: '10.0.0.0/8' is an address"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": "gcr.io"})",
       "any.upstreams.gcr.io: must begin with"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": 7})",
       "any.upstreams.gcr.io: must be an array of strings"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": ["https://a", "b"]})",
       "any.upstreams.gcr.io[1]: must begin with"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": ["https://a", "https://A:443/"]})",
       "any.upstreams.gcr.io[1]: is there twice"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": []})",
       "any.upstreams.gcr.io: must name at least one"},
      {R"("registries": "gcr.io", "upstreams": {"https://gcr.io": "https://gcr.io"})",
       "any.upstreams: expected the name"},
      {R"("registries": "gcr.io", "upstreams": {"quay.io": "https://quay.io"})",
       "any.upstreams.quay.io: is not among the registries"},
      {R"("registries": "gcr.io", "upstreams": {"gcr.io": "https://a", "GCR.io": "https://b"})",
       "any.upstreams.gcr.io: is there twice"},
      {R"("registries": "gcr.io", "upstreams": {"a\nb": "https://a"})",
       "any.upstreams: must not hold control"},
      {R"("registries": "gcr.io", "upstreams": ["https://a"])", "any.upstreams: must be an object"},
      {R"("registries": "gcr.io", "fresh": "1s")", "any.fresh: unknown key"},
  };
  for (const auto& [in_any, beginning] : kMistakes) {
    INFO(in_any);
    const auto lines = errors_of(any_with(in_any));
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(lines[0].starts_with("routes[0]." + beginning));
  }
}

TEST_CASE("a mirror has rules for repositories, and a pattern that no name can match is a mistake") {
  const auto mirror =
      parse_config(config_with(R"(, "repositories": {"allow": "a/*", "deny": ["*/b", "c"]})"));
  REQUIRE(mirror);
  const auto& rules = mirror->routes[0].mirror->repositories;
  CHECK(rules.allow == std::vector<std::string>{"a/*"});
  CHECK(rules.deny == std::vector<std::string>{"*/b", "c"});
  CHECK(mirror_settings(mirror->routes[0]).repositories.deny == rules.deny);
  CHECK(parse_config(config_with(""))->routes[0].mirror->repositories.allow == std::vector<std::string>{"*"});
  const auto any = parse_config(any_with(
      R"("registries": ["gcr.io", "*.pkg.dev", "lan:5000"], "repositories": {"allow": ["gcr.io/a/*", "eu.pkg.dev/*", "*.pkg.dev/b", "lan:5000/*"], "deny": "*/c*"})"));
  REQUIRE(any);
  CHECK(any_mirror_settings("one", *any->routes[0].any, "gcr.io").repositories.deny ==
        std::vector<std::string>{"*/c*"});

  const std::vector<std::pair<std::string, std::string>> kMistakes = {
      {R"({"allow": []})", "allow: must name at least one"},
      {R"({"deny": ["A/*"]})", "deny: expected the characters of repositories' names and *"},
      {R"({"deny": [""]})", "deny: expected the characters"},
      {R"({"deny": ["a:5000/b"]})", "deny: expected the characters"},
      {R"({"deny": [7]})", "deny: must be an array of strings"},
      {R"({"allow": ["one.example/a/*"]})", "allow: expected a name without the registry, such as \"a/*\""},
      {R"({"refuse": ["a"]})", "refuse: unknown key"},
  };
  for (const auto& [in_rules, beginning] : kMistakes) {
    INFO(in_rules);
    const auto lines = errors_of(config_with(R"(, "repositories": )" + in_rules));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("routes[0].mirror.repositories." + beginning));
  }
  CHECK(has_line(errors_of(config_with(R"(, "repositories": ["a"])")),
                 "routes[0].mirror.repositories: must be an object"));
  for (const std::string pattern :
       {"quay.io/a", "gcr.io", "GCR.io/a", "gcr.io:443/a", "gcr.io:5000/a", "distroless/*", "a b/*"}) {
    INFO(pattern);
    const auto lines =
        errors_of(any_with(R"("registries": "gcr.io", "repositories": {"deny": [")" + pattern + "\"]}"));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("routes[0].any.repositories.deny: expected one of the registries"));
  }
  const auto of_hub = [](const std::string& pattern) {
    return errors_of(
        R"({"routes": [{)" + kRoute +
        R"(, "mirror": {"registry": "docker.io", "upstream": "https://a", "repositories": {"deny": [")" +
        pattern + R"("]}}}]})");
  };
  CHECK(has_line(of_hub("alpine"), "routes[0].mirror.repositories.deny: expected \"library/alpine\""));
  CHECK(of_hub("alpine*").empty());
}

TEST_CASE("a mirror has an age from which on its tags move, and without one they move at once") {
  const auto mirror = parse_config(config_with(R"(, "min_age": "72h")"));
  REQUIRE(mirror);
  CHECK(mirror_settings(mirror->routes[0]).min_age_ms == 72LL * 3'600'000);
  CHECK(mirror_settings(parse_config(config_with(""))->routes[0]).min_age_ms == 0);
  const auto any = parse_config(any_with(R"("registries": "gcr.io", "min_age": "7d")"));
  REQUIRE(any);
  CHECK(any_mirror_settings("one", *any->routes[0].any, "gcr.io").min_age_ms == 168LL * 3'600'000);
  CHECK(
      has_line(errors_of(config_with(R"(, "min_age": "-1h")")), "routes[0].mirror.min_age: expected a time"));
  CHECK(has_line(errors_of(config_with(R"(, "min_age": 72)")), "routes[0].mirror.min_age: must be a time"));
  CHECK(has_line(errors_of(registry_with(R"("min_age": "1h")")), "routes[0].registry.min_age: unknown key"));
}

TEST_CASE("a registry has names, which nobody else has") {
  const auto config =
      parse_config(registry_with(R"("names": ["Registry.Example.LAN:5050", "registry.lan:443"])"));
  REQUIRE(config);
  CHECK(config->routes[0].registry->names ==
        std::vector<std::string>{"registry.example.lan:5050", "registry.lan"});
  CHECK(errors_of(registry_with(R"("names": ["registry.lan", "REGISTRY.lan:443"])")) ==
        std::vector<std::string>{"routes[0].registry.names: registry \"registry.lan\" is taken by "
                                 "routes[0].registry.names"});
  CHECK(has_line(errors_of(registry_with(R"("names": "http://registry.lan")")),
                 "routes[0].registry.names: expected the name that clients know it by"));
  CHECK(
      errors_of(R"({"routes": [{)" + kRoute + R"(, "mirror": {)" + kMirror +
                R"(}}, {"name": "two", "listen": "127.0.0.1:2", "registry": {"names": "one.example"}}]})") ==
      std::vector<std::string>{"routes[1].registry.names: registry \"one.example\" is taken by "
                               "routes[0].mirror.registry"});
}

TEST_CASE("the names of mirrors and registries, and the lists of any, are what requests are led by") {
  const auto config = parse_config(R"({"routes": [
      {"name": "hub", "listen": "127.0.0.1:1", "mirror": {"registry": "docker.io", "upstream": "https://a"}},
      {"name": "own", "listen": "127.0.0.1:2", "registry": {"names": "registry.lan:5050"}},
      {"name": "any", "listen": "127.0.0.1:3", "any": {"registries": "*.gcr.io"}}]})");
  REQUIRE(config);
  const auto names = registry_names(*config);
  CHECK(breakwater::routes::registry_named(names, "index.docker.io").value().route == "hub");
  CHECK(breakwater::routes::registry_named(names, "registry.lan:5050").value().route == "own");
  CHECK(breakwater::routes::registry_named(names, "eu.gcr.io").value().route == "any");
  CHECK(store_settings(*config).mirror_routes == std::vector<std::string>{"hub", "any"});
}

TEST_CASE("an address to listen on is a host and a port") {
  for (const auto& [given, text] :
       std::vector<std::pair<std::string, std::string>>{{"127.0.0.1:0", "127.0.0.1:0"},
                                                        {"0.0.0.0:65535", "0.0.0.0:65535"},
                                                        {"[0::1]:5000", "[::1]:5000"},
                                                        {"[::]:1", "[::]:1"},
                                                        {"[::ffff:127.0.0.1]:1", "127.0.0.1:1"},
                                                        {"LocalHost:5000", "localhost:5000"},
                                                        {"my_registry.lan.:5000", "my_registry.lan:5000"}}) {
    INFO(given);
    const auto config = parse_config(listening_on('"' + given + '"'));
    REQUIRE(config);
    CHECK(config->routes[0].listen[0].text() == text);
  }
  for (const std::string address : {"127.0.0.1",
                                    ":5000",
                                    "*:5000",
                                    "127.0.0.1:",
                                    "127.0.0.1:65536",
                                    "127.0.0.1:http",
                                    "::1:5000",
                                    "127.0.0.1:-1",
                                    "127.0.0.1:+1",
                                    "127.0.0.1: 1",
                                    " 127.0.0.1:1",
                                    "",
                                    "[zz]:5000",
                                    "[::1]5000",
                                    "[::1:5000",
                                    "[127.0.0.1]:5000",
                                    "[fe80::1%eth0]:5000",
                                    "300.1.1.1:5000",
                                    "127.1:5000",
                                    "0:5000",
                                    "0x7f000001:5000",
                                    "http://127.0.0.1:5000",
                                    "me@host:5000",
                                    "a b:5000",
                                    "a..b:5000",
                                    "host:5000/x",
                                    "b\xc3\xbc\x63her.example:5000"}) {
    INFO(address);
    const auto lines = errors_of(listening_on('"' + address + '"'));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("routes[0].listen: expected"));
  }
}

TEST_CASE("two listeners may not want one port of one address, in whatever way they say it") {
  struct Row {
    const char* addresses;
    bool collide;
  };
  const auto row = GENERATE(values<Row>({
      {R"("0.0.0.0:5000", "0.0.0.0:5000")", true},
      {R"("0.0.0.0:5000", "127.0.0.1:5000")", true},
      {R"("127.0.0.1:5000", "[::ffff:127.0.0.1]:5000")", true},
      {R"("[::]:5000", "0.0.0.0:5000")", true},
      {R"("[::]:5000", "127.0.0.1:5000")", true},
      {R"("[::]:5000", "[::1]:5000")", true},
      {R"("[::1]:5000", "[0::1]:5000")", true},
      {R"("127.0.0.1:5000", "127.0.0.2:5000", "0.0.0.0:5000")", true},
      {R"("127.0.0.1:5000", "[::1]:5000", "127.0.0.1:5000")", true},
      {R"("localhost:5000", "LOCALHOST:5000")", true},
      {R"("0.0.0.0:5000", "[::1]:5000")", false},
      {R"("0.0.0.0:5000", "0.0.0.0:5001")", false},
      {R"("127.0.0.1:5000", "127.0.0.2:5000", "[::1]:5000")", false},
      {R"("[::]:0", "0.0.0.0:0")", false},
  }));
  INFO(row.addresses);
  const auto lines = errors_of(listening_on(row.addresses));
  CHECK(lines.size() == (row.collide ? 1 : 0));
  CHECK(has_line(lines, "routes[0].listen: address ") == row.collide);
}

TEST_CASE("two routes may not have one name, one address or one registry") {
  const auto route = [](const std::string& name, const std::string& port, const std::string& registry) {
    return R"({"name": ")" + name + R"(", "listen": ["127.0.0.1:)" + port +
           R"("], "mirror": {"registry": ")" + registry + R"(", "upstream": "https://one.example"}})";
  };
  const auto two = [&](const std::string& other) {
    return errors_of(R"({"routes": [)" + route("one", "5000", "one.example") + "," + other + "]}");
  };
  CHECK(two(route("two", "5001", "two.example")).empty());
  CHECK(two(route("one", "5001", "two.example")) ==
        std::vector<std::string>{"routes[1].name: name \"one\" is taken by routes[0].name"});
  CHECK(
      two(route("two", "5000", "two.example")) ==
      std::vector<std::string>{"routes[1].listen: address \"127.0.0.1:5000\" is taken by routes[0].listen"});
  CHECK(two(route("two", "5001", "one.example")) ==
        std::vector<std::string>{
            "routes[1].mirror.registry: registry \"one.example\" is taken by routes[0].mirror.registry"});
}

TEST_CASE("port 0 may be asked for many times") {
  CHECK(errors_of(R"({"routes": [{"name": "one", "listen": ["127.0.0.1:0", "127.0.0.1:0"], "mirror": {)" +
                  kMirror + "}}]}")
            .empty());
}

TEST_CASE("all mistakes are told at once, those of two keys together too") {
  const auto lines = errors_of(R"({
    "routes": [
      {"name": "one", "listen": ["127.0.0.1:5000"],
        "mirror": {"registry": "a", "upstream": "https://a.example", "fresh": "soon"}},
      {"name": "one", "listen": ["127.0.0.1:5000"],
        "mirror": {"registry": "b", "upstream": "b.example"}, "bytes_max": "lots"}
    ],
    "colour": "blue"
  })");
  CHECK(lines.size() == 6);
  for (const char* beginning : {"routes[0].mirror.fresh:", "routes[1].mirror.upstream:",
                                "routes[1].bytes_max:", "colour:", "routes[1].name:", "routes[1].listen:"}) {
    INFO(beginning);
    CHECK(has_line(lines, beginning));
  }
}

TEST_CASE("a secret comes from a file's first line or from the environment") {
  const SecretFile file("s3cret\r\nand more\n");
  auto config = parse_config(config_with(R"(, "username": "me", "password_file": ")" + file.path() + "\""));
  REQUIRE(config);
  REQUIRE(config->routes[0].mirror->upstreams[0].credentials);
  CHECK(config->routes[0].mirror->upstreams[0].credentials->username == "me");
  CHECK(config->routes[0].mirror->upstreams[0].credentials->password == "s3cret");

  REQUIRE(setenv("BREAKWATER_TEST_SECRET", "from outside", 1) == 0);
  config = parse_config(config_with(R"(, "username": "me", "password_env": "BREAKWATER_TEST_SECRET")"));
  REQUIRE(config);
  CHECK(config->routes[0].mirror->upstreams[0].credentials->password == "from outside");
}

TEST_CASE("an empty secret is a mistake, and two sources of one are too") {
  const SecretFile empty("");
  CHECK(has_line(errors_of(config_with(R"(, "username": "me", "password_file": ")" + empty.path() + "\"")),
                 "routes[0].mirror.password_file:"));
  CHECK(has_line(errors_of(config_with(R"(, "username": "me", "password_file": "/a", "password_env": "B")")),
                 "routes[0].mirror.password_env:"));
}

TEST_CASE("a secret is in no error") {
  const auto lines = errors_of(config_with(R"(, "username": "me", "password": "s3cret", "fresh": "soon")"));
  REQUIRE(!lines.empty());
  for (const auto& line : lines) CHECK(line.find("s3cret") == std::string::npos);
}

TEST_CASE("who pushes to a mirror is told where one pushes here, if that is anywhere") {
  const auto config = parse_config(
      R"({"routes": [{"name": "hub", "listen": ["127.0.0.1:5000"], "mirror": {)" + kMirror + R"(}},
                     {"name": "private", "listen": ["[::1]:5050", "127.0.0.1:5051"], "registry": {}}]})");
  REQUIRE(config);
  CHECK(router_settings(*config, config->routes[0]).push_to == "route private, port 5050");
  CHECK(router_settings(*config, config->routes[1]).push_to.empty());
  const auto alone = parse_config(config_with(""));
  REQUIRE(alone);
  CHECK(router_settings(*alone, alone->routes[0]).push_to.empty());
}

TEST_CASE("who asks a registry for an image of Docker Hub is told where those are, if they are anywhere") {
  const auto config = parse_config(
      R"({"routes": [{"name": "private", "listen": ["127.0.0.1:5050"], "registry": {}},
                     {"name": "quay", "listen": ["127.0.0.1:5020"],
                      "mirror": {"registry": "quay.io", "upstream": "https://quay.io"}},
                     {"name": "hub", "listen": ["127.0.0.1:5000"],
                      "mirror": {"registry": "docker.io", "upstream": "https://registry-1.docker.io"}}]})");
  REQUIRE(config);
  CHECK(registry_settings(*config, config->routes[0]).hub_at == "route hub, port 5000");
  const auto alone =
      parse_config(R"({"routes": [{"name": "p", "listen": ["127.0.0.1:1"], "registry": {}}]})");
  REQUIRE(alone);
  CHECK(registry_settings(*alone, alone->routes[0]).hub_at.empty());
}

TEST_CASE("a configuration file that is not there is named") {
  auto config = read_config("/nowhere/breakwater.json");
  REQUIRE(!config);
  CHECK(config.error().lines == std::vector<std::string>{"/nowhere/breakwater.json: cannot be read"});
}

TEST_CASE("webhooks have a URL, a secret and events, and each mistake names its key") {
  const SecretFile file("s3cret\n");
  const auto with = [](const std::string& webhooks) {
    return config_with("", "", R"(, "webhooks": [)" + webhooks + "]");
  };
  const std::string secret = R"("secret_file": ")" + file.path() + "\"";
  const std::string good = R"({"url": "http://hooks.lan:81/a?b=c", )" + secret + R"(, "events": )";
  const auto config = parse_config(with(good + R"(["push", "delete", "evict_cache_tag"]})"));
  REQUIRE(config);
  REQUIRE(config->webhooks.size() == 1);
  CHECK(config->webhooks[0].url.text() == "http://hooks.lan:81/a?b=c");
  CHECK(config->webhooks[0].secret == "s3cret");
  CHECK(config->webhooks[0].kinds.size() == 3);
  const std::string one = good + R"("push"})";
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {R"({"url": "http://hooks.lan", "secret_file": "/nowhere", "events": ["push"]})",
       "webhooks[0].secret_file: cannot read a secret from /nowhere"},
      {R"({"url": "ftp://hooks.lan", )" + secret + R"(, "events": ["push"]})", "webhooks[0].url: "},
      {good + R"(["push", "pull"]})", "webhooks[0].events: expected one of push, delete, evict_cache_tag, "},
      {good + "[]}", "webhooks[0].events: must name at least one"},
      {one + ", " + one, "webhooks[1].url: is there twice"},
      {R"({"url": "http://hooks.lan", )" + secret + "}", "webhooks[0].events: is missing"},
  };
  for (const auto& [webhooks, beginning] : mistakes) {
    const auto lines = errors_of(with(webhooks));
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(lines[0].starts_with(beginning));
  }
}

TEST_CASE("the file of the audit log is a whole path") {
  const auto with = [](const std::string& file) {
    return config_with("", "", R"(, "audit": {"file": ")" + file + "\"}");
  };
  CHECK(parse_config(with("/var/log/audit.log"))->audit.file == "/var/log/audit.log");
  const auto lines = errors_of(with("audit.log"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "audit.file: expected a path that begins with /, not \"audit.log\"");
}
