#include "routes/router.h"

#include <coroutine>
#include <stdexcept>
#include <string>
#include <vector>

#include "routes/oci/oci_error.h"
#include "test/catch.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;

// Remembers lines as "event key=value key=value".
class RecordedLog final : public store::Log {
 public:
  void write(Level, std::string_view event, std::span<const Field> fields) override {
    std::string line(event);
    for (const auto& field : fields) {
      if (field.key == "seconds") continue;
      line += " " + std::string(field.key) + "=";
      if (const auto* text = std::get_if<std::string_view>(&field.value)) line += *text;
      if (const auto* integer = std::get_if<int64_t>(&field.value)) line += std::to_string(*integer);
    }
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

// What the registry behind the router does with a request.
class ScriptedRegistry final : public Registry {
 public:
  enum class Does { reply, wait, nothing, fail, refuse };
  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override {
    served.push_back(std::string(name_of(path.kind)) + " " + path.name);
    exchange.at("scripted");
    context.cache = CacheResult::hit;
    if (does == Does::wait) co_await std::suspend_always();
    if (does == Does::fail) throw std::runtime_error("scripted");
    if (does == Does::refuse) context.refused = "rule";
    if (does == Does::refuse) reply_denied(exchange, "a rule refuses it", context);
    if (does == Does::reply) exchange.reply(200, base_headers(context), std::string_view("four"));
  }
  Does does = Does::reply;
  std::vector<std::string> served;
};

struct World {
  explicit World(RouterSettings settings = {})
      : router(loop, with_name(std::move(settings)), namespaces, metrics, log) {}
  static SharedAccess access() {
    RouteAccess access;
    access.route = "dockerhub";
    return std::make_shared<const RouteAccess>(std::move(access));
  }
  static RouterSettings with_name(RouterSettings settings) {
    settings.route = "dockerhub";
    return settings;
  }
  void run(RecordedExchange& exchange) {
    auto task = router.serve(exchange);
    task.start();
    REQUIRE(task.done());
  }
  bool counted(const std::string& line) { return metrics.text().find(line) != std::string::npos; }

  proxy::Loop loop;
  RecordedLog log;
  Metrics metrics;
  ScriptedRegistry registry;
  Namespaces namespaces{&registry, {access(), "", {}}, nullptr};
  Router router;
};

TEST_CASE(
    "while the data folder is away nothing is asked of the registry, and clients are told to come back") {
  std::optional<Error> away;
  RouterSettings settings;
  settings.writable = true;
  settings.away = [&away] { return away; };
  World world(std::move(settings));
  away = Error{Error::Kind::storage, "the data folder is away", 5};
  for (const char* target : {"/v2/", "/v2/a/tags/list", "/v2/a/manifests/x", "/v2/a/blobs/uploads/"}) {
    for (const char* method : {"GET", "PUT", "POST", "DELETE"}) {
      RecordedExchange exchange(method, target);
      world.run(exchange);
      CHECK(exchange.status() == 503);
      CHECK(exchange.reply_headers().get("Retry-After") == "5");
      CHECK(exchange.body().find("the data folder is away") != std::string::npos);
    }
  }
  CHECK(world.registry.served.empty());
  CHECK(
      world.log.lines[0].ends_with(" reason=unavailable for now: the data folder is away; try again in 5 s"));
  RecordedExchange alive("GET", "/");
  world.run(alive);
  CHECK(alive.status() == 200);
  away.reset();
  RecordedExchange back("GET", "/v2/a/tags/list");
  world.run(back);
  CHECK(back.status() == 200);
}

TEST_CASE("the router answers what needs no registry") {
  struct Row {
    std::string method, target;
    int status;
    std::string body;
  };
  const auto row = GENERATE(values<Row>({
      {"GET", "/", 200, "ok"},
      {"GET", "/?x", 200, "ok"},
      {"GET", "/healthz", 200, "ok"},
      {"GET", "/v2/", 200, "{}"},
      {"GET", "/v2", 200, "{}"},
      {"HEAD", "/v2/?ns=docker.io", 200, "{}"},
      {"GET", "/favicon.ico", 404, "NAME_UNKNOWN"},
      {"GET", "/v2/alpine/nonsense", 404, "NAME_UNKNOWN"},
      {"GET", "/v2/Alpine/manifests/latest", 400, "NAME_INVALID"},
      {"GET", "/v2/alpine/blobs/sha256:abc", 400, "DIGEST_INVALID"},
      {"PUT", "/v2/alpine/manifests/latest", 405, "UNSUPPORTED"},
      {"POST", "/v2/alpine/blobs/uploads/", 405, "UNSUPPORTED"},
      {"DELETE", "/v2/Bad Name", 405, "UNSUPPORTED"},
      {"PATCH", "/", 405, "UNSUPPORTED"},
  }));
  CAPTURE(row.method, row.target);
  World world;
  RecordedExchange exchange(row.method, row.target);
  world.run(exchange);
  CHECK(exchange.status() == row.status);
  CHECK(exchange.body().find(row.body) != std::string::npos);
  CHECK(exchange.reply_headers().get("X-Content-Type-Options") == "nosniff");
  CHECK(exchange.reply_headers().get("Docker-Distribution-Api-Version") == "registry/2.0");
  if (row.status == 405) CHECK(exchange.reply_headers().get("Allow") == "GET, HEAD");
  CHECK(world.registry.served.empty());
  CHECK(world.log.lines.size() == 1);
}

TEST_CASE("what means something goes to the registry, is logged once and counted once") {
  World world;
  RecordedExchange exchange("GET", "/v2/library/alpine/manifests/3.20?ns=docker.io",
                            {{"X-Request-Id", "req-1"}});
  world.run(exchange);
  CHECK(exchange.status() == 200);
  CHECK(world.registry.served == std::vector<std::string>{"manifest library/alpine"});
  CHECK(world.log.lines == std::vector<std::string>{"request route=dockerhub client=127.0.0.1 method=GET "
                                                    "path=/v2/library/alpine/manifests/3.20?ns=docker.io "
                                                    "status=200 bytes=4 cache=hit trace=req-1 "
                                                    "repository=library/alpine reference=3.20"});
  CHECK(world.counted(
      R"(breakwater_requests_total{cache="hit",code="200",kind="manifest",method="GET",route="dockerhub"} 1)"));
  CHECK(world.counted(R"(breakwater_served_bytes_total{route="dockerhub"} 4)"));
  CHECK(world.router.requests_running() == 0);
}

TEST_CASE("what a rule refuses is 403 with the reason as its message, in the log line, and is counted") {
  World world;
  world.registry.does = ScriptedRegistry::Does::refuse;
  RecordedExchange exchange("GET", "/v2/a/manifests/x", {{"X-Request-Id", "t"}});
  world.run(exchange);
  CHECK(exchange.status() == 403);
  CHECK(exchange.body() ==
        R"x({"errors":[{"code":"DENIED","message":"a rule refuses it (trace t)","detail":{"trace":"t"}}]})x");
  REQUIRE(world.log.lines.size() == 1);
  CHECK(world.log.lines[0].ends_with(" trace=t repository=a reference=x reason=a rule refuses it"));
  CHECK(world.counted(R"(breakwater_refused_total{reason="rule",route="dockerhub"} 1)"));
}

TEST_CASE("a client that has its share of requests is told to come again, by the one who counts its shares") {
  World world;
  test::FakeLog log;
  proxy::Buffers buffers(world.loop, 1);
  std::vector<std::string> refused;
  proxy::Clients clients({world.loop, buffers, log, proxy::ClientLimits(), [&](auto route, auto share) {
                            refused.push_back(std::string(route) + " " + std::string(share));
                          }});
  RecordedExchange exchange("GET", "/v2/a/manifests/x");
  exchange.set_client(clients.of(exchange.peer()), false);
  world.run(exchange);
  CHECK(exchange.status() == 429);
  CHECK(exchange.reply_headers().get("Retry-After") == "5");
  CHECK(exchange.body().find("TOOMANYREQUESTS") != std::string::npos);
  CHECK(world.registry.served.empty());
  CHECK(refused == std::vector<std::string>{"dockerhub client_requests"});
  CHECK_FALSE(world.counted(R"(reason="client_requests")"));
}

TEST_CASE("writes reach a registry that takes them") {
  RouterSettings settings;
  settings.writable = true;
  World world(std::move(settings));
  RecordedExchange exchange("PUT", "/v2/a/manifests/x"), base("POST", "/v2/");
  world.run(exchange);
  CHECK(world.registry.served == std::vector<std::string>{"manifest a"});
  world.run(base);
  CHECK(base.status() == 405);
}

TEST_CASE("an address outside allow is denied") {
  World world;
  RecordedExchange exchange("GET", "/v2/a/manifests/x");
  exchange.set_peer(8, 8, 8, 8);
  world.run(exchange);
  CHECK(exchange.status() == 403);
  CHECK(exchange.body().find("\"DENIED\"") != std::string::npos);
  CHECK(world.registry.served.empty());
}

TEST_CASE(
    "what a page of another site makes a browser ask for is refused, counted and logged with its reason") {
  struct Row {
    std::string method, host, origin, reason;
  };
  const auto row = GENERATE(values<Row>({
      {"POST", "10.0.0.7:5050", "http://evil.example", "origin"},
      {"GET", "evil.example", "http://evil.example", "host"},
      {"POST", "evil.example", "http://evil.example", "host"},
  }));
  CAPTURE(row.method, row.host);
  RouterSettings settings;
  settings.writable = true;
  World world(std::move(settings));
  RecordedExchange exchange(row.method, "/v2/a/blobs/uploads/",
                            {{"Host", row.host}, {"Origin", row.origin}, {"X-Request-Id", "t"}});
  world.run(exchange);
  CHECK(exchange.status() == 403);
  CHECK(exchange.body().find("\"DENIED\"") != std::string::npos);
  CHECK(world.registry.served.empty());
  CHECK(world.counted("breakwater_refused_total{reason=\"" + row.reason + "\",route=\"dockerhub\"} 1"));
  REQUIRE(world.log.lines.size() == 1);
  CHECK(world.log.lines[0].find(" trace=t user_agent=") == std::string::npos);
  CHECK(world.log.lines[0].find(" reason=") != std::string::npos);
}

TEST_CASE("a client that leaves is logged with what its request waited for") {
  World world;
  world.registry.does = ScriptedRegistry::Does::wait;
  RecordedExchange exchange("GET", "/v2/a/manifests/x", {{"X-Request-Id", "t"}});
  {
    auto task = world.router.serve(exchange);
    task.start();
    REQUIRE_FALSE(task.done());
    CHECK(world.log.lines.empty());
    CHECK(world.router.requests_running() == 1);
  }
  CHECK(world.log.lines ==
        std::vector<std::string>{"request route=dockerhub client=127.0.0.1 method=GET path=/v2/a/manifests/x "
                                 "status=499 bytes=0 cache=hit trace=t repository=a reference=x "
                                 "reason=the client left before it had an answer end=scripted"});
  CHECK(world.router.requests_running() == 0);
}

TEST_CASE("one request more than the limit is answered 503 and not served") {
  RouterSettings settings;
  settings.requests_max = 1;
  World world(std::move(settings));
  world.registry.does = ScriptedRegistry::Does::wait;
  RecordedExchange first("GET", "/v2/a/manifests/x"), second("GET", "/v2/a/manifests/x");
  auto task = world.router.serve(first);
  task.start();
  world.run(second);
  CHECK(second.status() == 503);
  CHECK(second.reply_headers().get("Retry-After") == "1");
  CHECK(world.registry.served.size() == 1);
}

TEST_CASE("a request without a reply and one that throws are counted as 500") {
  const auto does = GENERATE(ScriptedRegistry::Does::nothing, ScriptedRegistry::Does::fail);
  World world;
  world.registry.does = does;
  RecordedExchange exchange("GET", "/v2/a/manifests/x");
  world.run(exchange);
  CHECK(world.counted(R"(code="500")"));
  REQUIRE(world.log.lines.size() == 1);
  const bool has_thrown = does == ScriptedRegistry::Does::fail;
  const std::string reason = has_thrown ? "scripted end=scripted" : "the route ended before its reply";
  CHECK(world.log.lines[0].ends_with(" reason=" + reason));
}

TEST_CASE("what the router refuses by itself has its reason in the access line") {
  struct Row {
    std::string method, target, reason;
  };
  const auto row = GENERATE(values<Row>({
      {"GET", "/favicon.ico", "no such path; the API of registries begins at /v2/"},
      {"GET", "/v2/Alpine/manifests/latest", "not a repository's name: 'Alpine'; a name is lower-case"},
      {"GET", "/v2/alpine/tags/list?n=x", "n= is not a number; n is a whole number"},
      {"GET", "/v2/alpine/blobs/sha256:abc", "invalid digest: "},
      {"PUT", "/v2/alpine/manifests/latest",
       "route dockerhub is a mirror, which is only read; push to route private, port 5050"},
      {"DELETE", "/", "route dockerhub is a mirror, which is only read; push to route private, port 5050"},
  }));
  CAPTURE(row.method, row.target);
  RouterSettings settings;
  settings.push_to = "route private, port 5050";
  World world(std::move(settings));
  RecordedExchange exchange(row.method, row.target, {{"X-Request-Id", "t"}});
  world.run(exchange);
  REQUIRE(world.log.lines.size() == 1);
  CAPTURE(world.log.lines[0]);
  CHECK(world.log.lines[0].find(" reason=") != std::string::npos);
  CHECK(world.log.lines[0].find(row.reason) != std::string::npos);
  CHECK(exchange.body().find(" (trace t)\"") != std::string::npos);
}

TEST_CASE("the access line has who asked with what, at a bounded length") {
  World world;
  const auto digest = store::digest_of(store::Algorithm::sha256, std::string_view("x")).text();
  RecordedExchange exchange("GET", "/v2/a/b/blobs/" + digest + "?ns=docker.io",
                            {{"User-Agent", "containerd/" + std::string(500, '1')}, {"Range", "bytes=5-"}});
  world.run(exchange);
  REQUIRE(world.log.lines.size() == 1);
  CHECK(world.log.lines[0].ends_with(" repository=a/b reference=" + digest + " user_agent=containerd/" +
                                     std::string(117, '1') + " range=bytes=5-"));
}

TEST_CASE("a client outside allow may ask whether this is a registry, and is told why it gets no more") {
  World world;
  for (const char* target : {"/v2/", "/v2", "/v2/?ns=docker.io"}) {
    RecordedExchange base("GET", target);
    base.set_peer(8, 8, 8, 8);
    world.run(base);
    CHECK(base.status() == 200);
    CHECK(base.body() == "{}");
  }
  for (const char* method : {"GET", "POST"}) {
    for (const char* target : {"/", "/v2/_catalog", "/v2/a/manifests/x"}) {
      RecordedExchange exchange(method, target, {{"X-Request-Id", "t"}});
      exchange.set_peer(8, 8, 8, 8);
      world.run(exchange);
      CHECK(exchange.status() == 403);
      CHECK(
          exchange.body().find("the address 8.8.8.8 is not in allow of route dockerhub; add it there, if it "
                               "may (trace t)") != std::string::npos);
      CHECK(world.log.lines.back().find(" reason=the address 8.8.8.8 is not in allow") != std::string::npos);
    }
  }
  RecordedExchange write("PUT", "/v2/");
  write.set_peer(8, 8, 8, 8);
  world.run(write);
  CHECK(write.status() == 403);
}

TEST_CASE("a trace id is taken from the request if it is one, else made") {
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  using proxy::given_request_id;
  CHECK(given_request_id({{"traceparent", "00-" + id + "-b7ad6b7169203331-01"}, {"X-Request-Id", "other"}}) ==
        id);
  CHECK(given_request_id({{"traceparent", "00-" + std::string(32, '0') + "-b7ad6b7169203331-01"}}).empty());
  CHECK(given_request_id({{"traceparent", "nonsense"}, {"X-Request-Id", "req-1"}}) == "req-1");
  CHECK(given_request_id({{"X-Request-Id", "a\"b"}}).empty());
  CHECK(given_request_id({{"X-Request-Id", std::string(65, 'a')}}).empty());
  CHECK(given_request_id({}).empty());

  World world;
  RecordedExchange exchange("GET", "/nowhere");
  world.run(exchange);
  const auto at = exchange.body().find("\"trace\":\"") + 9;
  const auto trace = exchange.body().substr(at, exchange.body().find('"', at) - at);
  CHECK(trace.size() == 16);
  CHECK(trace.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(world.log.lines[0].find("trace=" + trace) != std::string::npos);
}

TEST_CASE("a logged target shows no parameter's value but those of paging and ns") {
  CHECK(loggable("/v2/a/tags/list?n=5&last=x&ns=docker.io") == "/v2/a/tags/list?n=5&last=x&ns=docker.io");
  CHECK(loggable("/v2/?token=secret&n=5&flag") == "/v2/?token=-&n=5&flag");
  CHECK(loggable("/a\n\"b\\") == "/a??b?");
  CHECK(loggable("/v2/?").size() == 5);
  CHECK(loggable("/" + std::string(9000, 'a')).size() == 512);
}

}  // namespace
}  // namespace breakwater::routes
