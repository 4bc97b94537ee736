#include "routes/ops/health.h"

#include <string>

#include "test/catch.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;

void run(Health& health, RecordedExchange& exchange) {
  auto task = health.serve(exchange);
  task.start();
  REQUIRE(task.done());
}

TEST_CASE("the process is alive all the time and ready only between its start and its drain") {
  Metrics metrics;
  Health health(metrics, Networks::internal());
  const auto status_of = [&health](const std::string& path) {
    RecordedExchange exchange("GET", path);
    run(health, exchange);
    return exchange.status();
  };
  CHECK(status_of("/livez") == 200);
  CHECK(status_of("/readyz") == 503);
  health.set(Readiness::ready);
  CHECK(status_of("/readyz") == 200);
  CHECK(status_of("/readyz?verbose") == 200);
  health.set(Readiness::draining);
  CHECK(status_of("/readyz") == 503);
  CHECK(status_of("/livez") == 200);
  CHECK(status_of("/other") == 404);
}

TEST_CASE("a store in trouble is not ready, and its reason is what /readyz says") {
  Metrics metrics;
  std::string trouble;
  Health health(metrics, Networks::internal(), [&trouble] { return trouble; });
  health.set(Readiness::ready);
  const auto ask = [&health](const std::string& path) {
    RecordedExchange exchange("GET", path);
    run(health, exchange);
    return std::pair(exchange.status(), exchange.body());
  };
  CHECK(ask("/readyz") == std::pair(200, std::string("ready\n")));
  trouble = "the folder is away";
  CHECK(ask("/readyz") == std::pair(503, std::string("not ready: the folder is away\n")));
  CHECK(ask("/livez").first == 200);
  trouble.clear();
  CHECK(ask("/readyz").first == 200);
}

TEST_CASE("metrics are told in the Prometheus text format, to those who may know") {
  Metrics metrics;
  metrics.of("quay").count_request({"GET", OciPath::Kind::blob, 200, CacheResult::hit, 0.1, 1, 0});
  Health health(metrics, Networks::internal());
  RecordedExchange scrape("GET", "/metrics"), write("POST", "/metrics"), stranger("GET", "/metrics");
  stranger.set_peer(8, 8, 8, 8);
  run(health, scrape);
  CHECK(scrape.status() == 200);
  CHECK(scrape.reply_headers().get("Content-Type").find("text/plain; version=0.0.4") == 0);
  CHECK(scrape.body().find("breakwater_requests_total{") != std::string::npos);
  run(health, write);
  CHECK(write.status() == 405);
  run(health, stranger);
  CHECK(stranger.status() == 403);
}

TEST_CASE("a page whose name was made to lead here reads no metrics") {
  Metrics metrics;
  Health health(metrics, Networks::internal());
  RecordedExchange page("GET", "/metrics", {{"Host", "evil.example"}, {"Accept-Language", "en"}});
  RecordedExchange scrape("GET", "/metrics", {{"Host", "breakwater.internal"}});
  run(health, page);
  run(health, scrape);
  CHECK(page.status() == 403);
  CHECK(scrape.status() == 200);
  CHECK(scrape.body().find("breakwater_refused_total{reason=\"host\",route=\"metrics\"} 1") !=
        std::string::npos);
}

}  // namespace
}  // namespace breakwater::routes
