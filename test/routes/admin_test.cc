#include "routes/ops/admin.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;

constexpr std::array<PageFile, 2> kFiles = {{
    {"index.html", "<html>", "gzipped html", "html by zstd"},
    {"page-1.js", "script", "gzipped script", "script by zstd"},
}};

// An Admin over an API that notes what it was asked.
struct AdminWorld {
  explicit AdminWorld(AdminSettings settings = {}, std::span<const PageFile> files = kFiles)
      : admin(
            [this](proxy::Exchange& exchange, ApiCaller) -> proxy::Task<> {
              asked.push_back(exchange.request().method + " " + exchange.request().target);
              exchange.reply(200, {}, std::string_view("of the api"));
              co_return;
            },
            metrics, std::move(settings), files) {}

  void ask(RecordedExchange& exchange, const std::string& from = "127.0.0.1") {
    std::array<unsigned, 4> byte{};
    REQUIRE(std::sscanf(from.c_str(), "%u.%u.%u.%u", &byte[0], &byte[1], &byte[2], &byte[3]) == 4);
    exchange.set_peer(static_cast<uint8_t>(byte[0]), static_cast<uint8_t>(byte[1]),
                      static_cast<uint8_t>(byte[2]), static_cast<uint8_t>(byte[3]));
    auto task = admin.serve(exchange);
    task.start();
    REQUIRE(task.done());
  }
  int status_of(const std::string& method, const std::string& target, const proxy::Headers& headers = {},
                const std::string& from = "127.0.0.1") {
    RecordedExchange exchange(method, target, headers);
    ask(exchange, from);
    return exchange.status();
  }

  Metrics metrics;
  std::vector<std::string> asked;
  Admin admin;
};

nlohmann::json caller(AdminWorld& world, const std::string& from, const proxy::Headers& headers = {}) {
  RecordedExchange exchange("GET", "/api/v1/caller", headers);
  world.ask(exchange, from);
  REQUIRE(exchange.status() == 200);
  return nlohmann::json::parse(exchange.body());
}

TEST_CASE("every path is a place in the page, and its files are named by what is in them") {
  AdminWorld world;
  for (const char* path : {"/", "/requests?client=10.0.0.7", "/private/team/app:1", "/x/y@sha256:0"}) {
    RecordedExchange exchange("GET", path);
    world.ask(exchange);
    CHECK(exchange.status() == 200);
    CHECK(exchange.body() == "<html>");
    CHECK(exchange.reply_headers().get("Content-Type") == "text/html; charset=utf-8");
    CHECK(exchange.reply_headers().get("Cache-Control") == "no-cache");
    const auto policy = exchange.reply_headers().get("Content-Security-Policy");
    CHECK(policy.starts_with("default-src 'none'"));
    CHECK(policy.find("unsafe") == std::string_view::npos);
    CHECK(policy.find("frame-ancestors 'none'") != std::string_view::npos);
  }
  RecordedExchange script("GET", "/-/page-1.js");
  world.ask(script);
  CHECK(script.body() == "script");
  CHECK(script.reply_headers().get("Content-Type") == "text/javascript; charset=utf-8");
  CHECK(script.reply_headers().get("Cache-Control").find("immutable") != std::string_view::npos);
  CHECK(world.status_of("GET", "/-/page-2.js") == 404);
  CHECK(world.status_of("GET", "/-/../index.html") == 404);
  CHECK(world.status_of("HEAD", "/") == 200);
  CHECK(world.status_of("POST", "/") == 405);
  CHECK(world.asked.empty());
}

TEST_CASE("the page comes in the best encoding that the browser takes, and once") {
  AdminWorld world;
  const auto ask = [&world](const std::string& accepted, const std::string& has = "") {
    proxy::Headers headers;
    if (!accepted.empty()) headers.add("Accept-Encoding", accepted);
    if (!has.empty()) headers.add("If-None-Match", has);
    RecordedExchange exchange("GET", "/-/page-1.js", headers);
    world.ask(exchange);
    CHECK(exchange.reply_headers().get("Vary") == "Accept-Encoding");
    return std::tuple(exchange.status(), exchange.body(),
                      std::string(exchange.reply_headers().get("Content-Encoding")),
                      std::string(exchange.reply_headers().get("ETag")));
  };
  const auto content = [&ask](const std::string& accepted) { return std::get<1>(ask(accepted)); };
  CHECK(content("gzip, deflate, br, zstd") == "script by zstd");
  CHECK(content("gzip, zstd;q=0") == "gzipped script");
  CHECK(content("gzip;q=0.5") == "gzipped script");
  CHECK(content("GZIP") == "gzipped script");
  CHECK(content("") == "script");
  CHECK(content("identity, gzip;q=0.000") == "script");
  CHECK(content("gzipped") == "script");
  const auto [status, body, encoding, etag] = ask("zstd");
  CHECK(encoding == "zstd");
  CHECK(std::get<3>(ask("gzip")) != etag);
  CHECK(std::get<0>(ask("zstd", etag)) == 304);
  CHECK(std::get<1>(ask("zstd", etag)).empty());
  CHECK(std::get<0>(ask("gzip", etag)) == 200);
}

TEST_CASE("who may look is answered, and who may act may also act") {
  AdminWorld world;
  CHECK(world.status_of("GET", "/api/v1/status?x=1", {}, "10.0.20.7") == 200);
  CHECK(world.status_of("GET", "/", {}, "10.0.20.7") == 200);
  CHECK(world.status_of("POST", "/api/v1/remove", {}, "10.0.20.7") == 403);
  CHECK(world.status_of("DELETE", "/api/v1/remove", {}, "10.0.20.7") == 403);
  CHECK(world.status_of("POST", "/api/v1/remove", {}, "127.0.0.1") == 200);
  CHECK(world.status_of("GET", "/", {}, "203.0.113.5") == 403);
  CHECK(world.status_of("GET", "/-/page-1.js", {}, "203.0.113.5") == 403);
  CHECK(world.status_of("GET", "/api/v1/caller", {}, "203.0.113.5") == 403);
  CHECK(world.asked == std::vector<std::string>{"GET /api/v1/status?x=1", "POST /api/v1/remove"});

  AdminSettings wider;
  wider.allow_act = *Networks::parse({"10.0.20.0/24"});
  AdminWorld other(wider);
  CHECK(other.status_of("POST", "/api/v1/remove", {}, "10.0.20.7") == 200);
  CHECK(other.status_of("POST", "/api/v1/remove", {}, "127.0.0.1") == 403);
}

TEST_CASE("who asks is told what they may, and if not, why") {
  AdminWorld world;
  CHECK(caller(world, "127.0.0.1") == nlohmann::json{{"client", "127.0.0.1"},
                                                     {"signed_in", false},
                                                     {"can_sign_in", false},
                                                     {"may_look", true},
                                                     {"sees_all", true},
                                                     {"may_act", true}});
  const auto stranger = caller(world, "10.0.20.7");
  CHECK(stranger["may_act"] == false);
  CHECK(stranger["why_not"].get<std::string>().find("admin.allow_admin") != std::string::npos);
}

TEST_CASE("what a proxy has sent on may not act, wherever the proxy is") {
  AdminWorld world;
  for (const char* name : {"Forwarded", "X-Forwarded-For", "Via"}) {
    CHECK(world.status_of("POST", "/api/v1/remove", {{name, "127.0.0.1"}}) == 403);
    CHECK(world.status_of("GET", "/api/v1/status", {{name, "127.0.0.1"}}) == 200);
    CHECK(caller(world, "127.0.0.1", {{name, "x"}})["may_act"] == false);
  }
}

TEST_CASE("what a trusted proxy has sent on may act if the address that it tells may") {
  AdminWorld world;
  const auto status_of = [&world](const std::string& from) {
    RecordedExchange exchange("POST", "/api/v1/remove", {{"X-Forwarded-For", from}, {"Via", "1.1 x"}});
    exchange.set_told(true);
    world.ask(exchange, from);
    return exchange.status();
  };
  CHECK(status_of("127.0.0.3") == 200);
  CHECK(status_of("10.0.20.7") == 403);
}

AdminSettings with_rules(std::vector<AccessRule> rules) {
  AdminSettings settings;
  settings.access = std::move(rules);
  return settings;
}

AccessRule rule_of(const std::string& network, Actions may) {
  AccessRule rule;
  rule.networks = *Networks::parse({network});
  rule.may = may;
  return rule;
}

TEST_CASE("rules say who may look and who may administer, and the page itself is for whoever is let in") {
  AdminWorld world(with_rules({rule_of("10.0.20.0/24", {Action::pull, Action::administer}),
                               rule_of("10.0.30.0/24", {Action::pull})}));
  CHECK(world.status_of("GET", "/api/v1/status", {}, "10.0.20.7") == 200);
  CHECK(world.status_of("POST", "/api/v1/remove", {}, "10.0.20.7") == 200);
  CHECK(world.status_of("GET", "/api/v1/tokens", {}, "10.0.20.7") == 200);
  CHECK(world.status_of("GET", "/api/v1/status", {}, "10.0.30.7") == 200);
  CHECK(world.status_of("POST", "/api/v1/remove", {}, "10.0.30.7") == 403);
  CHECK(world.status_of("GET", "/api/v1/tokens", {}, "10.0.30.7") == 403);
  CHECK(world.status_of("GET", "/", {}, "10.0.40.7") == 200);
  CHECK(world.status_of("GET", "/api/v1/status", {}, "10.0.40.7") == 403);  // nobody here has a name
  CHECK(world.status_of("POST", "/api/v1/session", {}, "10.0.40.7") == 404);
  const auto stranger = caller(world, "10.0.40.7");
  CHECK(stranger["may_look"] == false);
  CHECK(stranger["why_not"] ==
        "the address 10.0.40.7 may not look by \"admin.access\"; add a rule there, if it may");
  // A proxy's address is nobody's.
  CHECK(world.status_of("POST", "/api/v1/remove", {{"Via", "x"}}, "10.0.20.7") == 403);
}

TEST_CASE("no network has folders of this machine read or written") {
  AdminWorld world;
  for (const char* path : {"/api/v1/import", "/api/v1/export", "/api/v1/backup"}) {
    RecordedExchange exchange("POST", path);
    world.ask(exchange);
    CHECK(exchange.status() == 403);
    CHECK(exchange.body().find("use breakwater ") != std::string::npos);
  }
  CHECK(world.asked.empty());
}

TEST_CASE("pages of other sites get nothing from the page's listener") {
  AdminWorld world;
  const proxy::Headers rebound = {{"Host", "evil.example:8080"}, {"Accept-Language", "en"}};
  const proxy::Headers posted = {{"Host", "127.0.0.1:8080"}, {"Origin", "https://evil.example"}};
  const proxy::Headers own = {{"Host", "127.0.0.1:8080"}, {"Origin", "http://127.0.0.1:8080"}};
  CHECK(world.status_of("GET", "/api/v1/status", rebound) == 403);
  CHECK(world.status_of("GET", "/", rebound) == 403);
  CHECK(world.status_of("POST", "/api/v1/remove", posted) == 403);
  CHECK(world.status_of("POST", "/api/v1/remove", own) == 200);
}

TEST_CASE("a build without the page says so, and has the API") {
  AdminWorld world({}, std::span<const PageFile>());
  RecordedExchange exchange("GET", "/");
  world.ask(exchange);
  CHECK(exchange.status() == 404);
  CHECK(exchange.body().find("/api/v1/") != std::string::npos);
  CHECK(world.status_of("GET", "/api/v1/status") == 200);
}

}  // namespace
}  // namespace breakwater::routes
