#include "routes/ops/metrics.h"

#include <string>

#include "routes/ops/metrics_sources.h"
#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"

namespace breakwater::routes {
namespace {

bool says(Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("requests are counted by route, method, code and cache result") {
  Metrics metrics;
  auto& counts = metrics.of("dockerhub");
  counts.count_request({"GET", OciPath::Kind::manifest, 200, CacheResult::hit, 0.0004, 100, 0});
  counts.count_request({"GET", OciPath::Kind::blob, 200, CacheResult::hit, 0.2, 100, 0});
  counts.count_request({"HEAD", OciPath::Kind::manifest, 200, CacheResult::stale, 0.2, 0, 0});
  metrics.of("quay").count_request({"GET", OciPath::Kind::referrers, 404, CacheResult::none, 0.2, 7, 0});
  CHECK(says(
      metrics,
      R"(breakwater_requests_total{cache="hit",code="200",kind="manifest",method="GET",route="dockerhub"} 1)"));
  CHECK(says(
      metrics,
      R"(breakwater_requests_total{cache="hit",code="200",kind="blob",method="GET",route="dockerhub"} 1)"));
  CHECK(
      says(metrics,
           R"(breakwater_requests_total{cache="none",code="404",kind="list",method="GET",route="quay"} 1)"));
  CHECK(says(metrics, R"(breakwater_request_seconds_count{route="dockerhub"} 3)"));
  CHECK(says(metrics, R"(breakwater_request_seconds_bucket{route="dockerhub",le="0.0005"} 1)"));
  CHECK(says(metrics, R"(breakwater_served_bytes_total{route="dockerhub"} 200)"));
  CHECK(says(metrics, R"(breakwater_stale_answers_total{route="dockerhub"} 1)"));
  CHECK(&metrics.of("dockerhub") == &counts);
}

TEST_CASE("what was pushed is counted by route, whatever its requests sent") {
  Metrics metrics;
  auto& counts = metrics.of("private");
  CHECK(says(metrics, R"(breakwater_pushed_bytes_total{route="private"} 0)"));
  counts.count_request({"PUT", OciPath::Kind::upload, 201, CacheResult::none, 0.2, 0, 1000});
  counts.count_request({"PUT", OciPath::Kind::manifest, 201, CacheResult::none, 0.2, 0, 24});
  CHECK(says(metrics, R"(breakwater_pushed_bytes_total{route="private"} 1024)"));
  CHECK(says(metrics, R"(breakwater_served_bytes_total{route="private"} 0)"));
}

TEST_CASE("a client cannot make up labels") {
  Metrics metrics;
  for (int i = 0; i < 100; ++i)
    metrics.of("r").count_request(
        {"M" + std::to_string(i), OciPath::Kind::base, 200, CacheResult::none, 0, 0, 0});
  CHECK(says(
      metrics,
      R"(breakwater_requests_total{cache="none",code="200",kind="other",method="other",route="r"} 100)"));
}

TEST_CASE("what a rule of a route refuses is counted, from none on") {
  Metrics metrics;
  auto& counts = metrics.of("dockerhub");
  CHECK(says(metrics, R"(breakwater_refused_total{reason="rule",route="dockerhub"} 0)"));
  counts.refused("rule");
  CHECK(says(metrics, R"(breakwater_refused_total{reason="rule",route="dockerhub"} 1)"));
}

TEST_CASE("upstream answers are a histogram for each route") {
  Metrics metrics;
  metrics.of("quay").observe_upstream(0.03);
  CHECK(says(metrics, R"(breakwater_upstream_seconds_bucket{route="quay",le="0.05"} 1)"));
}

TEST_CASE("sources are asked at every scrape, and one name is one family") {
  Metrics metrics;
  uint64_t scrapes = 0;
  metrics.add_source([&scrapes](MetricsSink& sink) {
    sink.gauge("test_gauge", "Help.", {{"route", "a"}}, static_cast<double>(++scrapes));
  });
  metrics.add_source([](MetricsSink& sink) { sink.gauge("test_gauge", "Help.", {{"route", "b"}}, 7); });
  CHECK(says(metrics, R"(test_gauge{route="a"} 1)"));
  CHECK(says(metrics, R"(test_gauge{route="a"} 2)"));
  const auto text = metrics.text();
  CHECK(text.find("# TYPE test_gauge gauge") == text.rfind("# TYPE test_gauge"));
  CHECK(text.find(R"(test_gauge{route="b"} 7)") != std::string::npos);
}

TEST_CASE("what others count is reported under its documented name") {
  Metrics metrics;
  proxy::FillStats fills;
  fills.running = 2;
  fills.resumes_total = 5;
  proxy::RegistryClientStats registry;
  registry.fetched_bytes = 12;
  registry.throttled_until = store::Time(std::chrono::milliseconds(1'800'000'000'500));
  proxy::ServerStats server;
  server.connections = 3;
  server.malformed_total = 1;
  server.tls_total = 9;
  metrics.add_source([&](MetricsSink& sink) {
    report(sink, fills);
    report(sink, "ghcr", registry);
    report(sink, "ghcr", server);
    report_loop(sink, 0.25, 4, 2);
  });
  CHECK(says(metrics, "breakwater_fills_running 2"));
  CHECK(says(metrics, "breakwater_fill_resumes_total 5"));
  CHECK(says(metrics, R"(breakwater_fetched_bytes_total{route="ghcr"} 12)"));
  CHECK(metrics.text().find(
            R"(breakwater_upstream_throttled_until_timestamp_seconds{route="ghcr"} 1800000000.5)") !=
        std::string::npos);
  CHECK(metrics.text().find("ratelimit_remaining") == std::string::npos);
  CHECK(says(metrics, R"(breakwater_connections{route="ghcr"} 3)"));
  CHECK(says(metrics, R"(breakwater_malformed_requests_total{route="ghcr"} 1)"));
  CHECK(says(metrics, R"(breakwater_tls_on_plain_port_total{route="ghcr"} 9)"));
  CHECK(says(metrics, "breakwater_loop_lag_seconds 0.25"));
  CHECK(says(metrics, "breakwater_worker_queue 4"));
  CHECK(says(metrics, "breakwater_workers_busy 2"));
  registry.ratelimit_remaining = 76;
  CHECK(says(metrics, R"(breakwater_upstream_ratelimit_remaining{route="ghcr"} 76)"));
}

TEST_CASE("of several upstreams of a route each is reported by itself, and a single one is the route") {
  proxy::Loop loop;
  proxy::HttpClient http_client(loop, proxy::HttpClientSettings());
  const test::FakeClock clock;
  test::FakeLog log;
  const auto upstreams_of = [&](const std::vector<std::string>& urls) {
    proxy::Upstreams::Clients clients;
    for (const auto& url : urls) {
      proxy::RegistryClientSettings settings;
      settings.upstream = proxy::Endpoint::parse(url).value();
      clients.push_back(std::make_unique<proxy::RegistryClient>(loop, http_client, clock, log, settings));
    }
    return std::make_unique<proxy::Upstreams>(loop, clock, proxy::UpstreamsSettings(), std::move(clients));
  };
  const auto two = upstreams_of({"https://harbor.lan", "https://quay.io"});
  const auto one = upstreams_of({"https://ghcr.io"});
  Metrics metrics;
  metrics.add_source([&](MetricsSink& sink) {
    report(sink, "quay", *two);
    report(sink, "ghcr", *one);
  });
  CHECK(says(metrics, R"(breakwater_upstream_unwell{route="quay",upstream="https://harbor.lan"} 0)"));
  CHECK(says(metrics, R"(breakwater_upstream_unwell{route="quay",upstream="https://quay.io"} 0)"));
  CHECK(says(
      metrics,
      R"(breakwater_upstream_refusals_total{route="quay",upstream="https://quay.io",reason="denied"} 0)"));
  CHECK_FALSE(says(metrics, R"(breakwater_upstream_unwell{route="quay"} 0)"));
  CHECK(says(metrics, R"(breakwater_upstream_unwell{route="ghcr"} 0)"));
  CHECK(says(metrics, R"(breakwater_upstream_refusals_total{route="ghcr",reason="denied"} 0)"));
}

TEST_CASE("a bound that is none is not reported") {
  Metrics metrics;
  store::Budget budget(store::Budget::kUnbounded);
  budget.set_bound("quay", 8192);
  budget.add_stored("quay", 4096);
  metrics.add_source([&budget](MetricsSink& sink) { report(sink, budget); });
  CHECK(says(metrics, R"(breakwater_store_bytes{route="quay"} 4096)"));
  CHECK(says(metrics, R"(breakwater_store_bytes_max{route="quay"} 8192)"));
  CHECK(says(metrics, "breakwater_store_whole_bytes 4096"));
  CHECK(metrics.text().find("breakwater_store_whole_bytes_max") == std::string::npos);
}

TEST_CASE("the process reports what it uses") {
  Metrics metrics;
  metrics.add_source([](MetricsSink& sink) { report_process(sink); });
  const auto text = metrics.text();
  const auto value_of = [&text](const std::string& name) {
    return std::stod(text.substr(text.find("\n" + name + " ") + name.size() + 2));
  };
  CHECK(value_of("process_resident_memory_bytes") > 1e6);
  CHECK(value_of("process_start_time_seconds") > 1.6e9);
  CHECK(value_of("process_open_fds") >= 3);
  CHECK(value_of("process_max_fds") >= value_of("process_open_fds"));
  CHECK(value_of("process_cpu_seconds_total") >= 0);
}

}  // namespace
}  // namespace breakwater::routes
