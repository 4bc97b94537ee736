#include "routes/access/hosts.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

HostSettings settings_with(const std::vector<std::string>& hosts) {
  HostSettings settings;
  settings.own = {"vm", "vm.example.lan"};
  settings.named.emplace();
  for (const auto& host : hosts) settings.named->push_back(proxy::HostPattern::parse(host).value());
  return settings;
}

HostSettings default_settings() {
  auto settings = settings_with({});
  settings.named.reset();
  return settings;
}

std::string reason_of(const HostSettings& settings, const std::string& method, proxy::Headers headers) {
  proxy::Request request;
  request.method = method;
  request.target = "/v2/";
  request.headers = std::move(headers);
  const auto refusal = host_refusal(settings, request);
  return refusal ? std::string(refusal->reason) : "";
}

TEST_CASE("a client of registries may call this machine by whatever name leads to it") {
  for (const std::string host :
       {"breakwater.internal:5050", "evil.example", "10.0.0.7:5000", "", "a..b", "registry.default.svc"}) {
    for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
      CAPTURE(host, method);
      CHECK(reason_of(default_settings(), method,
                      {{"Host", host}, {"User-Agent", "containerd/1.7"}, {"Accept", "*/*"}})
                .empty());
    }
  }
  CHECK(reason_of(default_settings(), "GET", {}).empty());
}

TEST_CASE("a browser has to name a host that is ours") {
  struct Row {
    std::string host;
    bool ours;
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.0.7:5050", true},
      {"127.0.0.1", true},
      {"[::1]:5050", true},
      {"[fd00::7]", true},
      {"[::ffff:10.0.0.7]:5050", true},
      {"localhost", true},
      {"LocalHost:5050", true},
      {"localhost.", true},
      {"vm:5050", true},
      {"VM.example.LAN.:5050", true},
      {"evil.example", false},
      {"evil.example:5050", false},
      {"other.example.lan", false},
      {"x.vm", false},
      {"vm.evil.example", false},
      {"localhost.evil.example", false},
      {"evillocalhost", false},
      {"127.0.0.1.evil.example", false},
      {"127.0.0.1.", false},
      {"2130706433", false},
      {"0x7f.1", false},
      {"::1", false},
      {"[::1", false},
      {"[::1%25eth0]", false},
      {"[localhost]", false},
      {"localhost:", false},
      {"localhost:99999", false},
      {"localhost:80:80", false},
      {"localhost@evil.example", false},
      {"evil.example@localhost", false},
      {"localhost, evil.example", false},
      {"localhost..", false},
      {"", false},
  }));
  CAPTURE(row.host);
  const std::string reason = row.ours ? "" : "host";
  const auto settings = default_settings();
  CHECK(reason_of(settings, "GET", {{"Host", row.host}, {"Accept-Language", "en"}}) == reason);
  CHECK(reason_of(settings, "HEAD", {{"Host", row.host}, {"Sec-Fetch-Site", "same-origin"}}) == reason);
  CHECK(reason_of(settings, "GET", {{"Host", row.host}, {"Origin", "http://" + row.host}}) == reason);
  // Of those that "hosts" makes strict, a request without Host is none of a browser.
  const bool is_let_through = row.ours || row.host.empty();
  CHECK(reason_of(settings_with({}), "GET", {{"Host", row.host}}) == (is_let_through ? "" : "host"));
}

TEST_CASE("a browser's request without a Host is refused") {
  CHECK(reason_of(default_settings(), "GET", {{"Accept-Language", "en"}}) == "host");
  CHECK(reason_of(default_settings(), "POST", {{"Origin", "null"}}) == "host");
}

TEST_CASE("what the configuration names is ours, and then every client has to use it") {
  const auto settings = settings_with({"breakwater.internal", "*.svc:5050", "registry.example.com:443"});
  const auto reason = [&](const std::string& host) { return reason_of(settings, "PUT", {{"Host", host}}); };
  CHECK(reason("breakwater.internal").empty());
  CHECK(reason("Breakwater.Internal.:5050").empty());
  CHECK(reason("registry.default.svc:5050").empty());
  CHECK(reason("registry.default.svc:5000") == "host");
  CHECK(reason("svc:5050") == "host");
  CHECK(reason("x.breakwater.internal") == "host");
  CHECK(reason("registry.example.com").empty());
  CHECK(reason("registry.example.com:443").empty());
  CHECK(reason("registry.example.com:80") == "host");
  CHECK(reason("10.0.0.7:5000").empty());
  CHECK(reason("vm:5000").empty());
  CHECK(reason("evil.example") == "host");
  CHECK(reason_of(settings, "GET", {}).empty());
}

TEST_CASE("a page of another place changes nothing") {
  struct Row {
    std::string host, origin;
    bool same;
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.0.7:5050", "http://10.0.0.7:5050", true},
      {"vm:5050", "http://VM:5050", true},
      {"vm", "http://vm", true},
      {"vm", "https://vm", true},
      {"vm:443", "https://vm", true},
      {"vm", "https://vm:443", true},
      {"[::1]:5050", "http://[::1]:5050", true},
      {"[0:0::1]:5050", "http://[::1]:5050", true},
      {"10.0.0.7:5050", "http://evil.example", false},
      {"10.0.0.7:5050", "http://10.0.0.7:8080", false},
      {"10.0.0.7:5050", "http://10.0.0.7", false},
      {"10.0.0.7:5050", "http://vm:5050", false},
      {"vm:443", "http://vm", false},
      {"10.0.0.7:5050", "null", false},
      {"10.0.0.7:5050", "", false},
      {"10.0.0.7:5050", "10.0.0.7:5050", false},
      {"10.0.0.7:5050", "file://", false},
      {"10.0.0.7:5050", "moz-extension://10.0.0.7:5050", false},
      {"10.0.0.7:5050", "http://10.0.0.7:5050@evil.example", false},
      {"10.0.0.7:5050", "http://evil.example@10.0.0.7:5050", false},
      {"10.0.0.7:5050", "http://10.0.0.7:5050/x", false},
      {"10.0.0.7:5050", "http://10.0.0.7:5050 http://evil.example", false},
  }));
  CAPTURE(row.host, row.origin);
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "WHATEVER"}) {
    CAPTURE(method);
    CHECK(reason_of(default_settings(), method, {{"Host", row.host}, {"Origin", row.origin}}) ==
          (row.same ? "" : "origin"));
  }
  // Without an answer that names the page as allowed, its browser does not let it read this.
  CHECK(reason_of(default_settings(), "GET", {{"Host", row.host}, {"Origin", row.origin}}).empty());
}

TEST_CASE("a second Origin does not help, and without one the browser's own word counts") {
  CHECK(reason_of(default_settings(), "POST",
                  {{"Host", "vm:5050"}, {"Origin", "http://vm:5050"}, {"Origin", "http://evil.example"}}) ==
        "origin");
  const auto reason = [](const std::string& site) {
    return reason_of(default_settings(), "POST", {{"Host", "vm:5050"}, {"Sec-Fetch-Site", site}});
  };
  CHECK(reason("cross-site") == "origin");
  CHECK(reason("same-site") == "origin");
  CHECK(reason("same-origin").empty());
  CHECK(reason("none").empty());
}

TEST_CASE("who is refused is told which host it was and where it belongs") {
  proxy::Request request;
  request.method = "GET";
  request.headers = {{"Host", "breakwater.internal:5050"}, {"Accept-Language", "en"}};
  const auto refusal = host_refusal(default_settings(), request);
  REQUIRE(refusal);
  CHECK(refusal->message.find("\"breakwater.internal:5050\"") != std::string::npos);
  CHECK(refusal->message.find("\"hosts\"") != std::string::npos);
}

}  // namespace
}  // namespace breakwater::routes
